import { expect, it } from "vitest";
import { measured } from "./measures";

it("says shares as shares and errors of numbers in their unit", () => {
  expect(measured(["missed", "invented", "mislabelled", "off"], [0.1, 0, 0.25, 0.04], "")).toBe(
    "missed 10% · invented 0% · wrongly named 25% · inexact 4%",
  );
  expect(measured(["bias", "spread"], [1.26, 3], "kg")).toBe("bias +1.3 kg · spread 3 kg");
});

it("says nothing of what is not known yet", () => {
  expect(measured(["bias", "spread"], [0, 0], "kg")).toBe("");
  expect(measured(["error"], [], "")).toBe("");
});
