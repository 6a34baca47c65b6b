import { expect, it } from "vitest";
import { de as annotate } from "../annotate/texts.de";
import problems from "../lib/problems.de.json";
import { de as exchange } from "./exchange/words";
import { de as models } from "./models/words";
import { de as quality } from "./quality/words";
import { de as review } from "./review/words";
import { de } from "./texts.de";
import { en } from "./texts.en";

it("has one German word for whoever annotates, and one for whoever reviews", () => {
  const everywhere = { manage: de, annotate, quality, review, exchange, models, problems };
  for (const [page, texts] of Object.entries(everywhere)) {
    const said = Object.values(texts).flatMap((one) => (typeof one === "string" ? [one] : Object.values(one as object)));
    expect(said.filter((text) => /Annotator|Prüfer|Labeler|Annotierer/.test(String(text))), page).toEqual([]);
  }
});

const gaps = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

it("has the same gaps to fill in every language", () => {
  const odd = Object.entries(en).filter(([key, text]) => `${gaps(text)}` !== `${gaps(de[key as keyof typeof en])}`);
  expect(odd.map(([key]) => key)).toEqual([]);
});

it("has lists of the same length, which templates split at commas", () => {
  for (const key of ["template.classify.choices", "template.entities.labels", "template.boxes.labels", "template.sound.labels", "template.film.labels"] as const) {
    expect(de[key].split(", ")).toHaveLength(en[key].split(", ").length);
  }
});
