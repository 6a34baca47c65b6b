import { adopt, hue, isPlain, isTyping, keyRange, make, type Option, readOptions, toggle, use } from "$web/lib/kit";
import { LabelBar } from "$web/lib/labelbar";
import { Offsets } from "$web/lib/offsets";
import type { Json, KeyHelp, Mount, Question, Widget, WidgetContext } from "$web/widget";
import { TextPage } from "./page";
import { mark, nextCharacter, overlaps, readSpans, snap, type Span, type Stretch, wordAt, words, writeSpans } from "./spans";
import css from "./widget.css?inline";

export const messages = {
  en: {
    none: "Nothing to mark",
    labels: "Labels",
    text: "Text to mark",
    marked: "Marked",
    remove: "Remove {label}: {words}",
    "said.marked": "{words}: marked as {label}",
    "said.removed": "{words}: {label} removed",
    "said.brush": "Marking with {label}",
    "key.label": "Mark the selection, or mark with this label from now on",
    "key.move": "Next or last word",
    "key.extend": "Select more or less",
    "key.fine": "Move the end by one character (with Shift: the start)",
    "key.span": "Next or last mark",
    "key.remove": "Remove the mark",
    "problem.none": "Mark what is asked for, or “Nothing to mark”.",
  },
  de: {
    none: "Nichts zu markieren",
    labels: "Labels",
    text: "Zu markierender Text",
    marked: "Markiert",
    remove: "{label} entfernen: {words}",
    "said.marked": "{words}: als {label} markiert",
    "said.removed": "{words}: {label} entfernt",
    "said.brush": "Es wird mit {label} markiert",
    "key.label": "Auswahl markieren, oder ab jetzt mit diesem Label markieren",
    "key.move": "Nächstes oder letztes Wort",
    "key.extend": "Mehr oder weniger auswählen",
    "key.fine": "Ende um ein Zeichen verschieben (mit Umschalt: den Anfang)",
    "key.span": "Nächste oder letzte Markierung",
    "key.remove": "Markierung entfernen",
    "problem.none": "Markieren Sie, was gefragt ist, oder „Nichts zu markieren“.",
  },
};

const fieldOf = ({ config }: Question) => String(config["field"] ?? "");

/** The widget is the text's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** Words quoted to a screen reader are cut here. */
const QUOTED = 60;

class Spans implements Widget {
  private readonly context: WidgetContext;
  private readonly text: string;
  private readonly offsets: Offsets;
  private readonly words: Stretch[];
  private readonly labels: Option[];
  private readonly overlap: boolean;
  private readonly toWords: boolean;
  private readonly page: TextPage;
  private readonly bar: LabelBar;
  private readonly none: HTMLButtonElement;
  private readonly list = make("ul", { class: "span-list", role: "list" });
  private readonly live = make("p", { class: "hidden-visually", role: "status" });

  /** Undefined: nobody has answered. An empty list: there is nothing to mark. */
  private spans: Span[] | undefined;
  private selection: Stretch | undefined;
  /** First and last word of a selection by keyboard; the cursor stands on `head`. */
  private anchor = -1;
  private head = -1;
  /** Label that marks each selection at once. */
  private brush: string | undefined;
  private active: Span | undefined;

  constructor(context: WidgetContext) {
    adopt(css);
    this.context = context;
    const { question, data, readonly, text, host, value } = context;
    const raw = data[fieldOf(question)];
    this.text = typeof raw === "string" ? raw : "";
    this.offsets = new Offsets(this.text);
    this.words = words(this.text);
    this.labels = readOptions(question.config["labels"]);
    this.overlap = question.config["overlap"] === true;
    this.toWords = question.config["snap"] !== "character";
    this.brush = this.labels.length === 1 ? this.labels[0]?.id : undefined;
    this.bar = new LabelBar(this.labels, text("labels"), (label) => this.press(label));
    this.none = toggle(text("none"), "0", () => this.give(this.spans?.length === 0 ? undefined : []));
    this.page = new TextPage(this.text, this.makeText());
    this.list.setAttribute("aria-label", text("marked"));
    const bar = readonly ? undefined : make("div", { class: "span-bar" }, this.bar.element, this.none);
    host.append(make("div", { class: "span" }, bar, this.page.element, this.list, this.live));
    this.set(value);
  }

  private makeText(): HTMLElement {
    const element = make("div", {
      class: "span-text",
      dir: "auto",
      tabindex: 0,
      role: "group",
      "aria-label": this.context.text("text"),
      onclick: (event: MouseEvent) => this.click(event),
    });
    if (this.context.readonly) return element;
    element.addEventListener("pointerdown", (event) => this.pointer(event));
    return element;
  }

  // -- Answer ------------------------------------------------------------------------------------

  set(value: Json | undefined): void {
    const ids = new Set(this.labels.map((label) => label.id));
    this.spans = readSpans(value, this.offsets, ids, this.overlap);
    this.active = undefined;
    this.draw();
  }

  private give(spans: Span[] | undefined): void {
    this.spans = spans;
    if (!spans?.includes(this.active as Span)) this.active = undefined;
    this.draw();
    this.context.change(spans && writeSpans(spans, this.offsets));
  }

  private mark(stretch: Stretch, label: string): void {
    const spans = mark(this.spans ?? [], stretch, label, this.overlap);
    this.selection = undefined;
    this.say(spans.length < (this.spans?.length ?? 0) ? "said.removed" : "said.marked", stretch, label);
    this.give(spans.length ? spans : undefined);
  }

  private remove(gone: readonly Span[]): void {
    const [first] = gone;
    if (!first) return;
    this.say("said.removed", first, first.label);
    const rest = (this.spans ?? []).filter((span) => !gone.includes(span));
    this.give(rest.length ? rest : undefined);
  }

  private relabel(span: Span, label: string): void {
    const rest = (this.spans ?? []).filter((other) => other !== span);
    const next = mark(rest, span, label, this.overlap);
    this.active = next.find((other) => other.start === span.start && other.end === span.end && other.label === label);
    this.say("said.marked", span, label);
    this.give(next);
  }

  /** A label by its button or key: for the active mark, for the selection, or from now on. */
  private press(label: Option): void {
    if (this.active) this.relabel(this.active, label.id);
    else if (this.selection) this.mark(this.selection, label.id);
    else {
      this.brush = this.brush === label.id ? undefined : label.id;
      if (this.brush) this.live.textContent = this.context.text("said.brush", { label: label.name });
      this.draw();
    }
  }

  // -- Look --------------------------------------------------------------------------------------

  private draw(): void {
    const { spans = [], selection, active } = this;
    const position = (id: string) => this.labels.findIndex((label) => label.id === id);
    this.page.draw({ spans, selection, active, position, name: (id) => this.nameOf(id) });
    this.page.element.classList.toggle("brush", this.brush !== undefined);
    this.bar.show(this.active?.label ?? this.brush);
    this.none.setAttribute("aria-pressed", String(this.spans?.length === 0));
    this.list.replaceChildren(...spans.map((span) => this.entry(span, hue(position(span.label)))));
  }

  /** A mark in the list under the text, for those who cannot see or point at it there. */
  private entry(span: Span, colour: string): HTMLElement {
    const label = this.nameOf(span.label);
    const name = this.context.text("remove", { label, words: this.quote(span) });
    const remove = make("button", { type: "button", "aria-label": name, onclick: () => this.remove([span]) }, "×");
    const quote = make("bdi", { dir: "auto" }, this.quote(span));
    const pick = make("button", { type: "button", onclick: () => this.activate(span) }, make("b", { dir: "auto" }, label), quote);
    const entry = make("li", { class: span === this.active ? "active" : undefined }, pick, this.context.readonly ? undefined : remove);
    entry.style.setProperty("--hue", colour);
    return entry;
  }

  private nameOf(id: string): string {
    return this.labels.find((label) => label.id === id)?.name ?? id;
  }

  private quote({ start, end }: Stretch): string {
    const quoted = this.text.slice(start, end);
    return quoted.length > QUOTED ? `${quoted.slice(0, QUOTED).toWellFormed()} …` : quoted;
  }

  private say(what: string, stretch: Stretch, label: string): void {
    this.live.textContent = this.context.text(what, { words: this.quote(stretch), label: this.nameOf(label) });
  }

  private activate(span: Span | undefined): void {
    this.active = span;
    this.selection = undefined;
    this.draw();
    this.page.element.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  // -- Pointer -----------------------------------------------------------------------------------

  /**
   * With a mouse the browser selects, as it does everywhere. With a finger its selection would bring
   * up menus, so a tap takes a word and a stroke across takes words; a stroke up or down scrolls.
   */
  private pointer(down: PointerEvent): void {
    if (down.button !== 0) return;
    const touch = down.pointerType === "touch";
    const from = touch ? this.page.offsetAt(down.clientX, down.clientY) : undefined;
    const listening = new AbortController();
    const move = (event: PointerEvent) => {
      const to = this.page.offsetAt(event.clientX, event.clientY);
      if (from === undefined || to === undefined || Math.abs(to - from) < 2) return;
      this.selection = this.snapped({ start: from, end: to });
      this.draw();
    };
    const end = (event: PointerEvent) => {
      listening.abort();
      if (event.type === "pointercancel") return this.select(undefined);
      if (touch && this.selection) this.select(this.selection);
      // The selection is settled only after the release has been dealt with.
      else if (!touch) setTimeout(() => this.takeSelection());
    };
    if (touch) this.selection = undefined;
    if (touch) window.addEventListener("pointermove", move, { signal: listening.signal });
    for (const name of ["pointerup", "pointercancel"] as const) window.addEventListener(name, end, { signal: listening.signal });
  }

  private takeSelection(): void {
    const selected = this.page.selected();
    if (!selected) return;
    document.getSelection()?.removeAllRanges();
    this.select(this.snapped(selected));
  }

  private snapped(stretch: Stretch): Stretch | undefined {
    return snap(this.text, stretch, this.words, this.toWords);
  }

  /** What is selected is marked at once with the label in use, else it waits for one. */
  private select(stretch: Stretch | undefined): void {
    this.active = undefined;
    this.selection = stretch;
    this.head = this.anchor = stretch ? wordAt(this.words, stretch.start) : this.head;
    if (stretch && this.brush) this.mark(stretch, this.brush);
    else this.draw();
  }

  /** A press without a stroke: on a mark it takes the mark, the next time the one below it; else the word. */
  private click(event: MouseEvent): void {
    if (this.page.selected()) return;
    const offset = this.page.offsetAt(event.clientX, event.clientY);
    if (offset === undefined) return;
    const under = (this.spans ?? []).filter((span) => overlaps(span, { start: offset, end: offset + 1 }));
    const touch = (event as PointerEvent).pointerType === "touch";
    if (under.length && !(touch && this.selection)) return this.activate(under[(under.indexOf(this.active as Span) + 1) % (under.length + 1)]);
    if (this.context.readonly || (touch && this.selection)) return;
    const word = this.words[wordAt(this.words, offset)];
    const on = word && word.start <= offset ? word : undefined;
    if (touch) return this.select(on);
    this.active = this.selection = undefined;
    this.anchor = this.head = wordAt(this.words, offset) - 1;
    this.draw();
  }

  // -- Keys --------------------------------------------------------------------------------------

  key(event: KeyboardEvent): boolean {
    if (this.context.readonly || isTyping(event)) return false;
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) return true;
    if (isPlain(event, "0") && !this.bar.keys.includes("0")) return use(event, () => this.none.click());
    const label = this.bar.pressed(event);
    if (label) return use(event, () => this.press(label));
    const action = this.action(event);
    return action ? use(event, action) : false;
  }

  private action(event: KeyboardEvent): (() => void) | undefined {
    const { key, altKey, shiftKey } = event;
    if (event.ctrlKey || event.metaKey) return undefined;
    const along = { ArrowRight: 1, ArrowLeft: -1 }[key] as 1 | -1 | undefined;
    const by = along && getComputedStyle(this.page.element).direction === "rtl" ? (-along as 1 | -1) : along;
    if (by && altKey) return () => this.nudge(by, shiftKey);
    if (altKey) return undefined;
    if (by) return () => this.step(this.head + by, shiftKey);
    if (key === "ArrowDown" || key === "ArrowUp") return () => this.step(this.wordBelow(key === "ArrowDown" ? 1 : -1), shiftKey);
    if (key === "Home" || key === "End") return () => this.step(key === "Home" ? 0 : this.words.length - 1, shiftKey);
    if (key === "." || key === ",") return () => this.cycle(key === "." ? 1 : -1);
    if (key === "Delete" || key === "Backspace") return () => this.erase();
    if (key === " " && this.brush && this.selection) return () => this.mark(this.selection as Stretch, this.brush as string);
    if (key === "Escape" && (this.active || this.selection || (this.brush && this.labels.length > 1))) return () => this.escape();
    return undefined;
  }

  /** Puts the cursor on a word; with `extend` everything from the anchor on is selected. */
  private step(to: number, extend: boolean): void {
    if (!this.words.length) return;
    this.head = Math.min(Math.max(to, 0), this.words.length - 1);
    if (!extend || this.anchor < 0) this.anchor = this.head;
    const [first, last] = [this.words[Math.min(this.anchor, this.head)], this.words[Math.max(this.anchor, this.head)]];
    this.active = undefined;
    this.selection = first && last && { start: first.start, end: last.end };
    this.draw();
    const chosen = [...this.page.element.querySelectorAll(".chosen")];
    chosen[this.head < this.anchor ? 0 : chosen.length - 1]?.scrollIntoView({ block: "nearest" });
    if (this.selection) this.live.textContent = this.quote(this.selection);
  }

  /** The word on the next or last line that stands nearest to the cursor. */
  private wordBelow(by: 1 | -1): number {
    const here = this.words[Math.max(this.head, 0)];
    const box = here && this.page.box(here);
    if (!box || this.head < 0) return 0;
    const middle = box.left + box.width / 2;
    let best = this.head;
    let line: DOMRect | undefined;
    for (let i = this.head + by; i >= 0 && i < this.words.length; i += by) {
      const other = this.page.box(this.words[i] as Stretch);
      if (!other || Math.abs(other.top - box.top) < box.height / 2) continue;
      if (line && Math.abs(other.top - line.top) > box.height / 2) break;
      const isNearer = !line || Math.abs(other.left + other.width / 2 - middle) < Math.abs(line.left + line.width / 2 - middle);
      if (isNearer) [line, best] = [other, i];
    }
    return line ? best : by > 0 ? this.words.length - 1 : 0;
  }

  /** Moves an edge of the mark or selection by one character, where words are too coarse. */
  private nudge(by: 1 | -1, atStart: boolean): void {
    const target = this.active ?? this.selection;
    if (!target) return;
    const start = atStart ? nextCharacter(this.text, target.start, by) : target.start;
    const end = atStart ? target.end : nextCharacter(this.text, target.end, by);
    if (start >= end) return;
    if (!this.active) this.selection = { start, end };
    else {
      const { label } = this.active;
      const rest = (this.spans ?? []).filter((span) => span !== this.active);
      const next = mark(rest, { start, end }, label, this.overlap);
      this.active = next.find((span) => span.start === start && span.end === end && span.label === label);
      return this.give(next);
    }
    this.draw();
  }

  private cycle(by: 1 | -1): void {
    const { spans = [] } = this;
    const at = this.active ? spans.indexOf(this.active) : by > 0 ? -1 : spans.length;
    this.activate(spans[(at + by + spans.length) % spans.length]);
    if (this.active) this.say("said.marked", this.active, this.active.label);
  }

  private erase(): void {
    const { selection, active, spans = [] } = this;
    if (active) this.remove([active]);
    else if (selection) this.remove(spans.filter((span) => overlaps(span, selection)));
  }

  private escape(): void {
    if (this.active || this.selection) this.active = this.selection = undefined;
    else this.brush = undefined;
    this.draw();
  }

  keys(): KeyHelp[] {
    const { text } = this.context;
    return [
      { keys: keyRange(this.bar.keys.map((key) => key.toUpperCase())), does: text("key.label") },
      { keys: "ArrowRight", does: text("key.move") },
      { keys: "Shift+ArrowRight", does: text("key.extend") },
      { keys: "Alt+ArrowRight", does: text("key.fine") },
      { keys: ".", does: text("key.span") },
      { keys: "Delete", does: text("key.remove") },
      { keys: "0", does: text("none") },
    ];
  }

  focus(): void {
    this.page.element.focus({ preventScroll: true });
  }

  problem(): string | undefined {
    const { question, text } = this.context;
    return question.required && this.spans === undefined ? text("problem.none") : undefined;
  }

  destroy(): void {
    this.context.host.replaceChildren();
  }
}

const mount: Mount = (context) => new Spans(context);
export default mount;
