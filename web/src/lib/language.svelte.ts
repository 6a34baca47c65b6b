/** The reader's language and theme: state of the whole page, remembered on this device. */
import { type Args, type Catalogue, direction, type KeyOf, negotiate, say } from "./messages";
import { recall, remember } from "./remember";

export const LANGUAGES: { readonly [tag: string]: string } = { en: "English", de: "Deutsch" };
export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const LANGUAGE_KEY = "evenhand.language";
const THEME_KEY = "evenhand.theme";

const known = recall(LANGUAGE_KEY);
let language = $state(negotiate([...(known ? [known] : []), ...navigator.languages], Object.keys(LANGUAGES)));
let theme = $state<Theme>(THEMES.find((name) => name === recall(THEME_KEY)) ?? "auto");

function apply(): void {
  const root = document.documentElement;
  root.lang = language;
  root.dir = direction(language);
  if (theme === "auto") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}
apply();

export function currentLanguage(): string {
  return language;
}

export function setLanguage(tag: string): void {
  language = negotiate([tag], Object.keys(LANGUAGES));
  remember(LANGUAGE_KEY, language);
  apply();
}

export function currentTheme(): Theme {
  return theme;
}

export function setTheme(name: Theme): void {
  theme = name;
  remember(THEME_KEY, name);
  apply();
}

/**
 * A function that says the texts of these catalogues in the reader's language.
 *
 * It reads the language when it is called, so markup that calls it follows a change of language.
 */
export function speaker<C extends Catalogue>(catalogues: { en: C; [language: string]: Catalogue }) {
  return (key: KeyOf<C> & string, args?: Args): string => say(catalogues, language, key, args);
}

/** A moment as the reader writes it: "23 Nov 2026, 14:03". */
export function formatTime(moment: string | number | Date): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}
