/**
 * A list to pick one or many from: native radios or checkboxes, so that screen readers and keys work
 * by themselves, with a shortcut each; long lists get a field to find by typing.
 */
import { adopt, fold, hotkeys, keyRange, make, type Option, pressedIndex, uniqueId, use } from "./kit";
import css from "./picker.css?inline";
import type { KeyHelp } from "../widget";

/** A list that needs more than a glance gets a search field. */
const LONG = 14;

/** An entry of the list; in a tree, depth first. */
export interface Entry extends Option {
  /** Levels above it. */
  depth: number;
  /** False: a heading over its children, no answer. */
  pickable: boolean;
  /** Names of what stands above it, outermost first. */
  above: string[];
}

export const pickerMessages = {
  en: {
    find: "Type to find",
    "find.none": "Nothing is called like that.",
    remove: "Remove {name}",
    "key.pick": "Pick",
    "key.find": "Find by typing",
    clear: "Clear",
  },
  de: {
    find: "Tippen zum Suchen",
    "find.none": "So heißt hier nichts.",
    remove: "{name} entfernen",
    "key.pick": "Auswählen",
    "key.find": "Durch Tippen suchen",
    clear: "Leeren",
  },
} as const;

export interface PickerOptions {
  entries: Entry[];
  many: boolean;
  /** Name of the group for screen readers. */
  label: string;
  readonly: boolean;
  text(key: string, args?: { [name: string]: string | number }): string;
  /** Somebody picked this entry, or picked it again. The caller decides and calls `show`. */
  onpick(id: string): void;
}

export class Picker {
  private readonly options: PickerOptions;
  private readonly keysOf: string[];
  private readonly rows = new Map<string, { row: HTMLElement; input: HTMLInputElement }>();
  private readonly headings: { row: HTMLElement; entry: Entry }[] = [];
  private readonly find: HTMLInputElement | undefined;
  private readonly none: HTMLElement;
  private readonly picked: HTMLElement | undefined;

  constructor(host: HTMLElement, options: PickerOptions) {
    adopt(css);
    this.options = options;
    const pickable = options.entries.filter((entry) => entry.pickable);
    const byEntry = new Map(hotkeys(pickable).map((key, i) => [pickable[i]?.id, key]));
    this.keysOf = options.entries.map((entry) => (entry.pickable ? (byEntry.get(entry.id) ?? "") : ""));
    const long = options.entries.length > LONG;
    const tree = options.entries.some((entry) => entry.depth > 0);
    const group = uniqueId("pick");
    this.none = make("p", { class: "picker-none", hidden: true, role: "status" }, options.text("find.none"));
    this.find = long && !options.readonly ? this.makeFind() : undefined;
    this.picked = long ? make("div", { class: "picker-picked" }) : undefined;
    const list = make(
      "div",
      {
        class: ["picker-list", long && "long", tree && "tree"].filter(Boolean).join(" "),
        role: options.many ? "group" : "radiogroup",
        "aria-label": options.label,
      },
      ...options.entries.map((entry, i) => this.makeRow(entry, this.keysOf[i] ?? "", group)),
    );
    host.append(make("div", { class: "picker" }, this.find, this.picked, list, this.none));
  }

  private makeRow(entry: Entry, key: string, group: string): HTMLElement {
    if (!entry.pickable) {
      const row = make("div", { class: "branch", dir: "auto" }, entry.name);
      row.style.setProperty("--depth", String(entry.depth));
      this.headings.push({ row, entry });
      return row;
    }
    const { many, readonly, onpick } = this.options;
    const input = make("input", {
      type: many ? "checkbox" : "radio",
      name: group,
      disabled: readonly,
      "aria-keyshortcuts": key || undefined,
      onchange: () => onpick(entry.id),
    });
    const path = entry.above.length ? make("span", { class: "hidden-visually" }, `${entry.above.join(" › ")} › `) : undefined;
    const about = entry.description ? make("small", { dir: "auto" }, entry.description) : undefined;
    const text = make("span", { class: "pick-text", dir: "auto" }, path, entry.name, about);
    const hint = key && !readonly ? make("kbd", { class: "hint-key", "aria-hidden": "true" }, key.toUpperCase()) : undefined;
    const row = make("label", { class: "pick" }, input, text, hint);
    row.style.setProperty("--depth", String(entry.depth));
    this.rows.set(entry.id, { row, input });
    return row;
  }

  private makeFind(): HTMLInputElement {
    return make("input", {
      class: "picker-find",
      type: "search",
      placeholder: this.options.text("find"),
      "aria-label": this.options.text("find"),
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.filter(),
    });
  }

  /** Hides what does not match; what stands above a match stays, so that the tree can be read. */
  private filter(): void {
    const words = fold(this.find?.value ?? "").split(/\s+/).filter(Boolean);
    const kept = this.options.entries.filter((entry) => matches(entry, words));
    const ids = new Set(kept.map((entry) => entry.id));
    const above = new Set(kept.flatMap((entry) => entry.above));
    for (const [id, { row }] of this.rows) row.hidden = !ids.has(id);
    for (const { row, entry } of this.headings) row.hidden = !ids.has(entry.id) && !above.has(entry.name);
    this.none.hidden = kept.some((entry) => entry.pickable);
  }

  /** Shows these as picked. */
  show(ids: ReadonlySet<string>): void {
    for (const [id, { input }] of this.rows) input.checked = ids.has(id);
    this.picked?.replaceChildren(
      ...this.options.entries.filter((entry) => ids.has(entry.id)).map((entry) => this.makePicked(entry)),
    );
  }

  private makePicked(entry: Entry): HTMLElement {
    const { readonly, text, onpick } = this.options;
    if (readonly) return make("span", { class: "tag accent", dir: "auto" }, entry.name);
    const label = text("remove", { name: entry.name });
    return make("button", { type: "button", "aria-label": label, dir: "auto", onclick: () => onpick(entry.id) }, entry.name, " ×");
  }

  key(event: KeyboardEvent): boolean {
    if (this.options.readonly) return false;
    if (this.find && event.target === this.find) return this.keyInFind(event);
    if (event.key === " " && this.holdsFocus()) return true;
    if (event.key === "/" && this.find) return use(event, () => this.find?.focus());
    const entry = this.options.entries[pressedIndex(event, this.keysOf)];
    if (!entry) return !this.options.many && event.key.startsWith("Arrow") && this.holdsFocus();
    return use(event, () => {
      this.options.onpick(entry.id);
      this.rows.get(entry.id)?.row.scrollIntoView?.({ block: "nearest" });
    });
  }

  /** In the search field: Enter picks the first that is found, Escape and arrow down lead on. */
  private keyInFind(event: KeyboardEvent): boolean {
    const first = [...this.rows].find(([, { row }]) => !row.hidden);
    if (event.key === "Enter" && this.find?.value) {
      return use(event, () => {
        if (first) this.options.onpick(first[0]);
        this.clearFind();
      });
    }
    if (event.key === "Escape" && this.find?.value) return use(event, () => this.clearFind());
    if (event.key === "ArrowDown") return use(event, () => first?.[1].input.focus());
    return !["Enter", "Escape", "Tab"].includes(event.key) && !event.ctrlKey && !event.metaKey;
  }

  private clearFind(): void {
    if (this.find) this.find.value = "";
    this.filter();
  }

  private holdsFocus(): boolean {
    return [...this.rows.values()].some(({ input }) => input === document.activeElement);
  }

  /** What is picked gets the focus, else the first; never the search field, which would swallow the shortcuts. */
  focus(): void {
    const inputs = [...this.rows.values()].map(({ input }) => input);
    (inputs.find((input) => input.checked) ?? inputs[0])?.focus({ preventScroll: true });
  }

  keys(): KeyHelp[] {
    const find = this.find ? [{ keys: "/", does: this.options.text("key.find") }] : [];
    return [{ keys: keyRange(this.keysOf.map((key) => key.toUpperCase())), does: this.options.text("key.pick") }, ...find];
  }
}

function matches(entry: Entry, words: readonly string[]): boolean {
  const text = fold([...entry.above, entry.name, entry.description].join(" "));
  return words.every((word) => text.includes(word));
}
