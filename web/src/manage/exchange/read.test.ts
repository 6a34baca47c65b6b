import { describe, expect, it } from "vitest";
import { lines, numbers, overrideText, texts } from "./read";

describe("lines of names and values", () => {
  it("are read and written", () => {
    expect(numbers("text 10\n\n  image   25 ")).toEqual({ text: 10, image: 25 });
    expect(numbers(lines({ text: 10, image: 25 }))).toEqual({ text: 10, image: 25 });
    expect(texts("ann 3b6a-_\nben x")).toEqual({ ann: "3b6a-_", ben: "x" });
    expect(numbers("")).toEqual({});
  });

  it("are refused where one is none", () => {
    for (const wrong of ["text", "text ten", "text 1 2", "text -1", "text 1.5"]) expect(numbers(wrong)).toBeUndefined();
    for (const wrong of ["ann", "ann a b"]) expect(texts(wrong)).toBeUndefined();
  });
});

it("gives officers the text that the node checks", () => {
  // The same bytes as in tests/core/test_shared_pool.py.
  expect(overrideText("log.example", "pool-p", "suspend", "ann-1", "abuse", 1700000000000)).toBe(
    "evenhand/override/v1\nlog.example\npool-p\nsuspend ann-1\nabuse\n1700000000000\n",
  );
});
