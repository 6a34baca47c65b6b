/** What weighing learns of an annotator, in words: the same on the manager's page and on the annotator's own. */
import { currentLanguage } from "../../lib/language.svelte";
import { percent } from "../say";
import { q } from "./words";

const IN_UNIT: ReadonlySet<string> = new Set(["bias", "spread"]); // the others are shares

/** Measures that come with a word of explanation. */
export const EXPLAINED = ["error", "spread", "missed"] as const;

const roughly = (value: number, signed: boolean) =>
  new Intl.NumberFormat(currentLanguage(), { maximumSignificantDigits: 2, signDisplay: signed ? "exceptZero" : "auto" }).format(value);

/** "missed 10% · inexact 4%"; measures that are not known yet are left out. */
export function measured(measures: readonly string[], numbers: readonly number[], unit: string): string {
  const spread = numbers[measures.indexOf("spread")];
  return measures
    .flatMap((name, i) => {
      const value = numbers[i];
      if (value === undefined || (IN_UNIT.has(name) && !spread)) return [];
      const said = IN_UNIT.has(name) ? `${roughly(value, name === "bias")}${unit ? ` ${unit}` : ""}` : percent(value);
      return [q(`measure.${name}` as "measure.error", { value: said })];
    })
    .join(" · ");
}
