import { describe, expect, it } from "vitest";
import type { Problem } from "./api";
import de from "./problems.de.json";
import { translated } from "./problems";

const problem = (rule: string, detail: string, remedy = ""): Problem => ({
  type: "about:blank",
  title: "",
  status: 400,
  rule,
  detail,
  where: "",
  remedy,
});

describe("a problem in German", () => {
  it("carries the node's parameters over, the reason's and the remedy's", () => {
    const told = translated(de, problem("answer.too-few", "1 picked, at least 2 are needed.", "Pick more."));
    expect(told.detail).toBe("1 gewählt, mindestens 2 sind nötig.");
    expect(told.remedy).toBe("Wählen Sie mehr.");
    expect(translated(de, problem("too-many", "Too many tries.", "Wait 30 seconds.")).remedy).toBe("Warten Sie 30 Sekunden.");
  });

  it("takes signs in a parameter as they are", () => {
    const odd = "Two columns are called '$1 (a+b)? […] {2}'.";
    expect(translated(de, problem("format.header", odd)).detail).toBe("Zwei Spalten heißen '$1 (a+b)? […] {2}'.");
  });

  it("stays in the node's words where it knows no others", () => {
    for (const rule of ["answer.too-few", "brand-new", "__proto__"]) {
      const given = problem(rule, "Something new happened.", "Do this.");
      expect(translated(de, given)).toEqual(given);
    }
  });
});
