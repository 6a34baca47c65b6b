/**
 * Texts by language: `{name}` is replaced, numbers choose their plural form through Intl.
 *
 * A catalogue maps keys to texts. A text with plural forms has one key per form, "tasks.one" and
 * "tasks.other", and is asked for as "tasks" with the argument `count`. English is complete; where
 * another language lacks a text, the reader gets the English one rather than a key.
 */

export type Catalogue = { readonly [key: string]: string };
export type Args = { readonly [name: string]: string | number };

/** A catalogue's keys, plural forms by their stem. */
export type KeyOf<C> = Extract<keyof C, string> extends infer K
  ? K extends `${infer Stem}.${Intl.LDMLPluralRule}`
    ? Stem
    : K
  : never;

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"]);

/** Writing direction of a language: "he" and "ar-EG" run from right to left, and so does any "-Arab". */
export function direction(language: string): "ltr" | "rtl" {
  const [base = "", script = ""] = language.toLowerCase().split("-");
  return RIGHT_TO_LEFT.has(base) || script === "arab" || script === "hebr" ? "rtl" : "ltr";
}

/** The first of the `wanted` languages that is `offered`, by exact tag, then by base language; else English. */
export function negotiate(wanted: readonly string[], offered: readonly string[]): string {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0];
    const found = offered.find((language) => language.toLowerCase() === tag.toLowerCase() || language === base);
    if (found) return found;
  }
  return "en";
}

const plurals = new Map<string, Intl.PluralRules>();
const numbers = new Map<string, Intl.NumberFormat>();

function cached<T>(cache: Map<string, T>, language: string, make: (language: string) => T): T {
  let value = cache.get(language);
  if (value === undefined) cache.set(language, (value = make(language)));
  return value;
}

/** A number as the language writes it: 1,234 or 1.234. */
export function formatNumber(language: string, value: number): string {
  return cached(numbers, language, (tag) => new Intl.NumberFormat(tag)).format(value);
}

function pick(catalogue: Catalogue | undefined, language: string, key: string, args: Args): string | undefined {
  const count = args["count"];
  if (typeof count === "number") {
    const rule = cached(plurals, language, (tag) => new Intl.PluralRules(tag)).select(count);
    const text = catalogue?.[`${key}.${rule}`] ?? catalogue?.[`${key}.other`];
    if (text !== undefined) return text;
  }
  return catalogue?.[key];
}

/**
 * The text of `key` in `language`, else in English, else the key itself.
 *
 * Numbers among `args` are written as the language writes them; pass a string to prevent it.
 */
export function say(
  catalogues: { readonly [language: string]: Catalogue },
  language: string,
  key: string,
  args: Args = {},
): string {
  const text = pick(catalogues[language], language, key, args) ?? pick(catalogues["en"], "en", key, args) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = args[name];
    return value === undefined ? whole : typeof value === "number" ? formatNumber(language, value) : value;
  });
}
