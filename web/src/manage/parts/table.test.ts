import { expect, it } from "vitest";
import { cells } from "../import/table";
import { csvText } from "./csv";
import { ordered, pressed } from "./sorting";

it("orders by figures and by names, and leaves for the end what has none", () => {
  const rows = [{ name: "zoe 10", value: 0.5 }, { name: "Émile", value: null }, { name: "Zoe 9", value: 0.9 }];
  const names = (by: "name" | "value", down: boolean) => ordered(rows, (row) => row[by], down, "en").map(({ name }) => name);
  expect(names("value", true)).toEqual(["Zoe 9", "zoe 10", "Émile"]);
  expect(names("value", false)).toEqual(["zoe 10", "Zoe 9", "Émile"]);
  expect(names("name", false)).toEqual(["Émile", "Zoe 9", "zoe 10"]);
});

it("begins with the highest figure and with the first name, and turns round at the next press", () => {
  expect(pressed(undefined, "value", true)).toEqual({ key: "value", down: true });
  expect(pressed({ key: "value", down: true }, "value", true)).toEqual({ key: "value", down: false });
  expect(pressed({ key: "value", down: true }, "name", false)).toEqual({ key: "name", down: false });
});

it("writes cells so that a spreadsheet reads them as they are, and runs none of them", () => {
  expect(cells(csvText([['says "no", twice', 3]]), ",", '"', false)).toEqual([['says "no", twice', "3"]]);
  expect(csvText([["name", "right"], ['says "no", twice', 0.25], ["=1+1", null], ["two\nlines", -3]])).toBe(
    'name,right\r\n"says ""no"", twice",0.25\r\n\'=1+1,\r\n"two\nlines",-3\r\n',
  );
});
