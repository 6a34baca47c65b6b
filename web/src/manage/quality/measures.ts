/** What weighing learns of an annotator, in words: the same on the manager's page and on the annotator's own. */
import { currentLanguage } from "../../lib/language.svelte";
import { percent } from "../say";
import { q } from "./words";

const IN_UNIT: ReadonlySet<string> = new Set(["bias", "spread"]); // the others are shares

/** Measures that come with a word of explanation. */
export const EXPLAINED = ["error", "spread", "missed"] as const;

const roughly = (value: number, signed: boolean) =>
  new Intl.NumberFormat(currentLanguage(), { maximumSignificantDigits: 2, signDisplay: signed ? "exceptZero" : "auto" }).format(value);

const named = (measure: string, value: string) => q(`measure.${measure}` as "measure.error", { value });

/** What a measure is called: "missed". */
export const measureName = (measure: string): string => named(measure, "").trim();

/** One of the measures: "10%", "+1.3 kg"; "" while it is not known. */
export function measureSaid(measures: readonly string[], numbers: readonly number[], unit: string, i: number): string {
  const [name = "", value] = [measures[i], numbers[i]];
  if (value === undefined || (IN_UNIT.has(name) && !numbers[measures.indexOf("spread")])) return "";
  return IN_UNIT.has(name) ? `${roughly(value, name === "bias")}${unit ? ` ${unit}` : ""}` : percent(value);
}

/** "missed 10% · inexact 4%"; measures that are not known yet are left out. */
export function measured(measures: readonly string[], numbers: readonly number[], unit: string): string {
  return measures
    .flatMap((name, i) => {
      const said = measureSaid(measures, numbers, unit, i);
      return said ? [named(name, said)] : [];
    })
    .join(" · ");
}
