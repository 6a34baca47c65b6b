import { expect, it } from "vitest";
import type { Connection } from "../../lib/api.exchange";
import { setLanguage } from "../../lib/language.svelte";
import { sentence } from "./connection";

const found: Connection = {
  why: "share",
  holder: "Meta",
  held: "Scale",
  share: 49_000_000,
  links: [{ holder: "Meta", held: "Scale", kind: "economic", share: 49_000_000 }],
};

it("says a connection with its path in the reader's language", () => {
  setLanguage("en");
  expect(sentence(found)).toBe("Meta holds 49% of Scale: Meta has 49% (economic) of Scale.");
  expect(sentence({ ...found, why: "opaque", holder: "Scale", links: [] })).toBe("Nobody can tell who owns Scale.");
  setLanguage("de");
  expect(sentence(found)).toBe("Meta hält 49\u00a0% von Scale: Meta hat 49\u00a0% (Kapital) von Scale.");
  expect(sentence({ ...found, why: "office", links: [{ holder: "Ada", held: "Scale", kind: "board", share: 0 }] })).toBe(
    "Meta hat einen Sitz: Ada sitzt im Aufsichtsrat von Scale.",
  );
});
