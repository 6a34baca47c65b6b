import { expect, it } from "vitest";
import { matching } from "./narrow";

it("finds names by any of their words, in any order and case", () => {
  const names = ["Ada Lovelace", "Adam Smith", "Grace Hopper"];
  const found = (search: string) => matching(names, (name) => name, search);
  expect(found("ada")).toEqual(["Ada Lovelace", "Adam Smith"]);
  expect(found("  LOVE ada ")).toEqual(["Ada Lovelace"]);
  expect(found("")).toEqual(names);
  expect(found("nobody")).toEqual([]);
});
