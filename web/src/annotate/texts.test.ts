import { describe, expect, it } from "vitest";
import { setLanguage } from "../lib/language.svelte";
import { de } from "./texts.de";
import { loadTexts, t } from "./texts.svelte";

const args = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe("texts", () => {
  it("speaks German once it is loaded, with the same arguments as English", async () => {
    setLanguage("en");
    const english = Object.fromEntries(Object.keys(de).map((key) => [key, t(key as "title")]));
    setLanguage("de");
    expect(t("desk.submit")).toBe("Submit");
    await loadTexts();
    expect(t("desk.submit")).toBe("Abgeben");
    for (const [key, text] of Object.entries(de)) expect([key, args(text)]).toEqual([key, args(english[key] ?? "")]);
    setLanguage("en");
  });

  it("counts", () => {
    setLanguage("en");
    expect(t("status.offline.unsent", { count: 1 })).toContain("1 answer is");
    expect(t("status.offline.unsent", { count: 3 })).toContain("3 answers are");
  });
});
