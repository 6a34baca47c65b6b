import { expect, it } from "vitest";
import { de } from "./texts.de";
import { en } from "./texts.en";

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
