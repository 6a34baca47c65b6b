/**
 * What widgets share whose answer is a list of labelled pieces, such as boxes or stretches of a
 * recording: the row of labels, "nothing there", the list under the view, and their keys.
 */
import type { Json, KeyHelp, Widget, WidgetContext } from "../widget";
import { adopt, hue, isPlain, isTyping, keyRange, make, type Option, readOptions, toggle, use } from "./kit";
import { LabelBar } from "./labelbar";
import type { Args } from "./messages";
import css from "./pieces.css?inline";

export interface Piece {
  /** Id of the label. */
  label: string;
}

/** How a piece stands in the list: what follows its label, and the arguments of "entry" and "remove". */
export interface Said {
  brief: string;
  args: Args;
}

/** Texts that all of them need. A widget adds its own: none, view, list, entry, remove, new, key.*, problem.none. */
export const pieceTexts = {
  en: {
    labels: "Labels",
    in: "Zoom in",
    out: "Zoom out",
    fit: "Fit",
    "key.label": "Label of this one, or of the next ones",
    "key.next": "Next or last one",
    "key.remove": "Remove it",
    "key.zoom": "Zoom (Home fits)",
  },
  de: {
    labels: "Labels",
    in: "Vergrößern",
    out: "Verkleinern",
    fit: "Einpassen",
    "key.label": "Label hierfür oder für die nächsten",
    "key.next": "Nächstes oder letztes",
    "key.remove": "Entfernen",
    "key.zoom": "Zoomen (Pos1 passt ein)",
  },
};

const ZOOM = 1.35;

export abstract class Pieces<T extends Piece> implements Widget {
  protected readonly context: WidgetContext;
  protected readonly labels: Option[];
  protected readonly bar: LabelBar;
  protected readonly none: HTMLButtonElement;
  protected readonly list: HTMLElement;

  /** Undefined: nobody has answered. An empty list: there is nothing. */
  protected pieces: T[] | undefined;
  protected active: T | undefined;
  /** Id of the label that the next piece gets. */
  protected brush: string;

  constructor(context: WidgetContext) {
    adopt(css);
    this.context = context;
    const { question, text } = context;
    this.labels = readOptions(question.config["labels"]);
    this.brush = this.labels[0]?.id ?? "";
    this.bar = new LabelBar(this.labels, text("labels"), (label) => this.press(label.id));
    this.none = toggle(text("none"), "0", () => this.give(this.pieces?.length === 0 ? undefined : [], undefined));
    this.list = make("ul", { class: "pieces-list", role: "list", "aria-label": text("list") });
  }

  // -- What a type says of its own ---------------------------------------------------------------

  /** The pieces of an answer or draft; undefined when it is no list. What cannot be shown is dropped. */
  protected abstract read(value: Json | undefined): T[] | undefined;
  protected abstract write(pieces: readonly T[]): Json;
  /** The piece as it goes into an answer: rounded, inside. */
  protected abstract settle(piece: T): T;
  protected abstract show(pieces: readonly T[], active: T | undefined): void;
  protected abstract said(piece: T): Said;
  /** A new piece by keyboard. */
  protected abstract add(): void;
  /** What zooms or moves the view. */
  protected abstract zoom(factor: number | undefined): void;
  /** What a key means beyond those of all pieces; undefined leaves it to them. */
  protected abstract ownKey(event: KeyboardEvent): (() => void) | undefined;
  protected abstract ownHelp(): KeyHelp[];
  /** Text of what N does. */
  protected readonly newKey: string = "new";
  abstract focus(): void;

  /** What a key does to the view; works also where nothing may be edited. */
  protected viewKey(event: KeyboardEvent): (() => void) | undefined {
    const { key } = event;
    if (key === "+") return () => this.zoom(ZOOM);
    if (key === "-") return () => this.zoom(1 / ZOOM);
    return key === "Home" ? () => this.zoom(undefined) : undefined;
  }

  /** Controls beside the labels, where editing is allowed. */
  protected tools(): HTMLElement[] {
    return [this.tool(this.context.text("new"), "N", () => this.add())];
  }

  /** Controls that change only what is seen. */
  protected viewTools(): HTMLElement[] {
    const sign = (shown: string, name: string, run: () => void) => {
      const label = this.context.text(name);
      return make("button", { type: "button", class: "button small icon", "aria-label": label, title: label, onclick: run }, shown);
    };
    return [sign("−", "out", () => this.zoom(1 / ZOOM)), sign("+", "in", () => this.zoom(ZOOM)), sign("⤢", "fit", () => this.zoom(undefined))];
  }

  /** More in a piece's entry, behind its label. */
  protected entryParts(_piece: T): HTMLElement[] {
    return [];
  }

  // -- Build -------------------------------------------------------------------------------------

  protected tool(name: string, key: string, run: () => void): HTMLButtonElement {
    const hint = make("kbd", { class: "hint-key", "aria-hidden": "true" }, key);
    return make("button", { type: "button", class: "button small", "aria-keyshortcuts": key, onclick: run }, name, hint);
  }

  /** Puts the widget together; a type calls it when all of its own is there. */
  protected begin(kind: string, ...view: (HTMLElement | undefined)[]): void {
    const { readonly, host, value } = this.context;
    const editing = readonly ? [] : [this.bar.element, ...this.tools(), this.none];
    const bar = make("div", { class: "pieces-bar" }, ...editing, make("span", { class: "pieces-view" }, ...this.viewTools()));
    host.append(make("div", { class: `pieces ${kind}` }, bar, ...view, this.list));
    this.set(value);
  }

  // -- Answer ------------------------------------------------------------------------------------

  set(value: Json | undefined): void {
    this.pieces = this.read(value);
    this.active = undefined;
    this.draw();
  }

  /** The answer changes, and `active` is the piece to go on with. */
  protected give(pieces: T[] | undefined, active: T | undefined): void {
    this.pieces = pieces;
    this.active = active;
    this.draw();
    this.context.change(pieces && this.write(pieces));
  }

  /** Puts a piece in the place of another; undefined takes the old one out, or adds the new one. */
  protected replace(before: T | undefined, after: T | undefined): void {
    const settled = after && this.settle(after);
    const rest = (this.pieces ?? []).flatMap((piece) => (piece !== before ? [piece] : settled ? [settled] : []));
    const pieces = before || !settled ? rest : [...rest, settled];
    this.give(pieces.length ? pieces : undefined, settled);
  }

  /** A label by its button or key: for the active piece, and for those to come. */
  protected press(label: string): void {
    this.brush = label;
    if (this.active && this.active.label !== label) this.replace(this.active, { ...this.active, label });
    else this.draw();
  }

  // -- Look --------------------------------------------------------------------------------------

  protected readonly position = (id: string) => this.labels.findIndex((label) => label.id === id);
  protected readonly name = (id: string) => this.labels[this.position(id)]?.name ?? id;

  protected draw(): void {
    const { pieces = [], active } = this;
    this.show(pieces, active);
    this.bar.show(active?.label ?? this.brush);
    this.none.setAttribute("aria-pressed", String(this.pieces?.length === 0));
    this.list.replaceChildren(...pieces.map((piece) => this.entry(piece)));
  }

  private entry(piece: T): HTMLElement {
    const { text, readonly } = this.context;
    const label = this.name(piece.label);
    const { brief, args } = this.said(piece);
    const all = { label, ...args };
    const pick = make(
      "button",
      { type: "button", "aria-label": text("entry", all), "aria-pressed": String(piece === this.active), onclick: () => this.activate(piece) },
      make("b", { dir: "auto" }, label),
      make("span", {}, ` ${brief}`),
    );
    const remove = make("button", { type: "button", "aria-label": text("remove", all), onclick: () => this.replace(piece, undefined) }, "×");
    const entry = make("li", { class: piece === this.active ? "active" : undefined }, pick, ...this.entryParts(piece), !readonly && remove);
    entry.style.setProperty("--hue", hue(this.position(piece.label)));
    return entry;
  }

  protected activate(piece: T | undefined): void {
    this.active = piece;
    if (piece) this.brush = piece.label;
    this.draw();
    if (piece) this.focus();
  }

  protected cycle(by: 1 | -1): void {
    const { pieces = [], active } = this;
    const at = active ? pieces.indexOf(active) : by > 0 ? -1 : pieces.length;
    this.activate(pieces[(at + by + pieces.length) % pieces.length]);
  }

  // -- Keys --------------------------------------------------------------------------------------

  key(event: KeyboardEvent): boolean {
    if (isTyping(event) || event.ctrlKey || event.metaKey) return false;
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) return true;
    const action = this.viewKey(event) ?? (this.context.readonly ? undefined : (this.ownKey(event) ?? this.sharedKey(event)));
    return action ? use(event, action) : false;
  }

  private sharedKey(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    const { key } = event;
    if (isPlain(event, "0")) return () => this.none.click();
    if (key === "." || key === ",") return () => this.cycle(key === "." ? 1 : -1);
    if (active && (key === "Delete" || key === "Backspace")) return () => this.replace(active, undefined);
    if (active && key === "Escape") return () => this.activate(undefined);
    const label = this.bar.pressed(event);
    if (label) return () => this.press(label.id);
    return key.toLowerCase() === "n" ? () => this.add() : undefined;
  }

  keys(): KeyHelp[] {
    const { text } = this.context;
    return [
      { keys: keyRange(this.bar.keys.map((key) => key.toUpperCase())), does: text("key.label") },
      { keys: "N", does: text(this.newKey) },
      ...this.ownHelp(),
      { keys: ".", does: text("key.next") },
      { keys: "Delete", does: text("key.remove") },
      { keys: "+", does: text("key.zoom") },
      { keys: "0", does: text("none") },
    ];
  }

  problem(): string | undefined {
    const { question, text } = this.context;
    return question.required && this.pieces === undefined ? text("problem.none") : undefined;
  }

  destroy(): void {
    this.context.host.replaceChildren();
  }
}
