import { expect, it } from "vitest";
import { readData, writeData } from "./correct";

const data = { text: "12", turns: [{ role: "user", content: "hi" }], n: 12, none: null };

it("gives back what nobody edited, type and all", () => {
  expect(readData(writeData(data), data)).toEqual(data);
});

it("keeps texts texts, whatever they look like", () => {
  expect(readData({ ...writeData(data), text: "[1]" }, data)).toMatchObject({ text: "[1]", n: 12 });
});

it("reads edited JSON, and says which field is none", () => {
  expect(readData({ ...writeData(data), n: "13" }, data)).toMatchObject({ n: 13 });
  expect(() => readData({ ...writeData(data), turns: "[oops" }, data)).toThrow(/^turns: /);
});
