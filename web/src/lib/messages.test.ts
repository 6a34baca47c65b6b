import { describe, expect, it } from "vitest";
import { direction, negotiate, say } from "./messages";

const catalogues = {
  en: { hello: "Hello, {name}!", "tasks.one": "{count} task", "tasks.other": "{count} tasks", only: "English" },
  de: { hello: "Hallo, {name}!", "tasks.one": "{count} Aufgabe", "tasks.other": "{count} Aufgaben" },
  pl: { "tasks.one": "{count} zadanie", "tasks.few": "{count} zadania", "tasks.other": "{count} zadań" },
};

describe("say", () => {
  it("replaces names and leaves unknown ones to be seen", () => {
    expect(say(catalogues, "de", "hello", { name: "Ada" })).toBe("Hallo, Ada!");
    expect(say(catalogues, "en", "hello")).toBe("Hello, {name}!");
  });

  it("chooses the plural form of the language and writes numbers as it does", () => {
    expect(say(catalogues, "en", "tasks", { count: 1 })).toBe("1 task");
    expect(say(catalogues, "de", "tasks", { count: 1234 })).toBe("1.234 Aufgaben");
    expect([1, 3, 5].map((count) => say(catalogues, "pl", "tasks", { count }))).toEqual([
      "1 zadanie",
      "3 zadania",
      "5 zadań",
    ]);
  });

  it("falls back to English, with English plural rules, then to the key", () => {
    expect(say(catalogues, "de", "only")).toBe("English");
    expect(say({ en: catalogues.en }, "pl", "tasks", { count: 3 })).toBe("3 tasks");
    expect(say(catalogues, "de", "nothing")).toBe("nothing");
  });
});

describe("language", () => {
  it("knows what runs from right to left", () => {
    expect(["ar-EG", "he", "az-Arab", "en", "de-AT"].map(direction)).toEqual(["rtl", "rtl", "rtl", "ltr", "ltr"]);
  });

  it("takes the first wanted language that is offered", () => {
    expect(negotiate(["fr", "de-CH", "en"], ["en", "de"])).toBe("de");
    expect(negotiate(["xx"], ["en", "de"])).toBe("en");
  });
});
