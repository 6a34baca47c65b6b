/** What widgets share: elements without a framework, styles under a strict CSP, lists of options and their keys. */
import type { Json } from "../widget";

type Child = Node | string | undefined | false;
type Attributes = { readonly [name: string]: string | number | boolean | undefined | ((event: never) => void) };

/**
 * Makes an element. Attributes that are functions listen (`onclick`), true stands for an empty
 * attribute, false and undefined for none. Text goes in as text, never as markup.
 */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as (event: Event) => void);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

const adopted = new Set<string>();

/** Styles of a widget, once a page. A constructed sheet needs no inline style, which the CSP forbids. */
export function adopt(css: string): void {
  if (adopted.has(css)) return;
  adopted.add(css);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

let counter = 0;

/** An id that no other element of the page has. */
export function uniqueId(stem: string): string {
  return `${stem}-${(counter += 1)}`;
}

/** One entry of a list to pick from. */
export interface Option {
  id: string;
  name: string;
  description: string;
  /** The one character that picks it, as configured; "" when by position. */
  key: string;
}

type Entry = { [key: string]: Json };

/** An entry as configurations write it: a name alone, or an object. */
export function readOption(entry: Json): Option {
  if (typeof entry === "string") return { id: entry, name: entry, description: "", key: "" };
  const { id, name, description, key } = entry as Entry;
  const text = (value: Json | undefined) => (typeof value === "string" ? value : "");
  return { id: text(id) || text(name), name: text(name), description: text(description), key: text(key) };
}

export function readOptions(list: Json | undefined): Option[] {
  return Array.isArray(list) ? list.map(readOption) : [];
}

/** Letters for the tenth option and later ones: none that the page or the widgets use for something else. */
const LETTERS = "bceghjklmpqtvwxyz";

/** The key of each option: its own, else its digit by position, else a free letter, else "". */
export function hotkeys(options: readonly Pick<Option, "key">[]): string[] {
  const own = new Set(options.map((option) => option.key.toLowerCase()).filter(Boolean));
  const letters = [...LETTERS].filter((letter) => !own.has(letter));
  return options.map((option, i) => {
    if (option.key) return option.key.toLowerCase();
    if (i >= 9) return letters[i - 9] ?? "";
    return own.has(String(i + 1)) ? "" : String(i + 1);
  });
}

/** What a key press may mean: the character it types, and the one printed there on a Latin keyboard. */
function characters(event: KeyboardEvent): string[] {
  const code = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code)?.[1]?.toLowerCase();
  const typed = event.key.length === 1 ? [event.key.toLowerCase()] : [];
  // Digits of the top row need Shift on some keyboards, letters do not exist on others.
  return code && code !== typed[0] ? [...typed, code] : typed;
}

/** Position in `keys` of the key that was pressed, or -1; never with Ctrl, Alt or the system's key. */
export function pressedIndex(event: KeyboardEvent, keys: readonly string[]): number {
  if (event.ctrlKey || event.metaKey || event.altKey) return -1;
  for (const character of characters(event)) {
    const at = keys.indexOf(character);
    if (at >= 0) return at;
  }
  return -1;
}

/** Whether the key goes into a text that somebody writes. */
export function isTyping(event: Event): boolean {
  const target = event.composedPath()[0] ?? event.target;
  if (target instanceof HTMLTextAreaElement) return !target.readOnly;
  const texts = /^(text|search|email|password|number|url|tel|date)$/;
  return target instanceof HTMLInputElement ? texts.test(target.type) && !target.readOnly : false;
}

/** A text as one searches for it: without case and marks, so that "koln" finds "Köln". */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** First and last key of a list as one writes them: "1–9", "1–b". */
export function keyRange(keys: readonly string[]): string {
  const given = keys.filter(Boolean);
  return given.length > 1 ? `${given[0]}–${given[given.length - 1]}` : (given[0] ?? "");
}

/** The hue of the label at this position of its list. */
export function hue(position: number): string {
  return `var(--hue-${position % 10})`;
}

/** A button that is pressed or not, with its key on it. */
export function toggle(label: string, key: string, onclick: () => void): HTMLButtonElement {
  const hint = key ? make("kbd", { class: "hint-key", "aria-hidden": "true" }, key) : undefined;
  const attributes = { type: "button", class: "button small", "aria-pressed": "false", "aria-keyshortcuts": key || undefined };
  // Pressed by pointer it takes no focus, or the page's Enter would press it again instead of submitting.
  const onpointerdown = (event: PointerEvent) => event.preventDefault();
  return make("button", { ...attributes, onpointerdown, onclick }, label, hint);
}

/** Prevents what the browser would do with the key, does this instead, and says that the key is used. */
export function use(event: KeyboardEvent, action: () => void): true {
  event.preventDefault();
  action();
  return true;
}

/** Whether this key alone was pressed, or with Shift at most. */
export function isPlain(event: KeyboardEvent, key: string): boolean {
  return event.key === key && !event.ctrlKey && !event.metaKey && !event.altKey;
}
