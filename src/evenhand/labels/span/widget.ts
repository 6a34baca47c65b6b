import { adopt, hue, isPlain, isTyping, keyRange, make, type Option, pressedIndex, readOptions, toggle, use } from "$web/lib/kit";
import { LabelBar } from "$web/lib/labelbar";
import { Offsets } from "$web/lib/offsets";
import type { Json, KeyHelp, Mount, Question, Widget, WidgetContext } from "$web/widget";
import { Arcs, type End, makeSheet } from "./arcs";
import { TextPage } from "./page";
import { allows, fitting, isSameLink, type Link, readLinks, readRelations, type RelationLabel, turned, writeLinks } from "./relations";
import { mark, nextCharacter, overlaps, readPlaces, snap, sorted, type Span, type Stretch, wordAt, words, writeSpan } from "./spans";
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
    relations: "Relations",
    relate: "Relate",
    cancel: "Cancel",
    related: "{from} {label} {to}",
    unrelate: "Remove the relation: {from} {label} {to}",
    "relate.from": "“{from}”: go to the other span, then choose the relation.",
    "relate.to": "“{from}” with “{to}”: choose the relation.",
    "relate.none": "“{from}” with “{to}”: no relation may join these.",
    "said.to": "{label}: {words}",
    "said.related": "{from} {label} {to}: joined",
    "said.unrelated": "{from} {label} {to}: removed",
    "said.alone": "There is no other span that “{from}” may be joined with.",
    "said.choose": "Choose the relation: {labels}",
    "said.dropped": "Relations removed with it: {count}",
    "key.relate": "Begin a relation at the mark",
    "key.other": "While relating: next or last span",
    "key.relation": "While relating: choose the relation",
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
    relations: "Beziehungen",
    relate: "Verbinden",
    cancel: "Abbrechen",
    related: "{from} {label} {to}",
    unrelate: "Beziehung entfernen: {from} {label} {to}",
    "relate.from": "„{from}“: Gehen Sie zur anderen Stelle, wählen Sie dann die Beziehung.",
    "relate.to": "„{from}“ mit „{to}“: Wählen Sie die Beziehung.",
    "relate.none": "„{from}“ mit „{to}“: Keine Beziehung darf diese verbinden.",
    "said.to": "{label}: {words}",
    "said.related": "{from} {label} {to}: verbunden",
    "said.unrelated": "{from} {label} {to}: entfernt",
    "said.alone": "Es gibt keine andere Stelle, mit der „{from}“ verbunden werden darf.",
    "said.choose": "Wählen Sie die Beziehung: {labels}",
    "said.dropped": "Damit entfernte Beziehungen: {count}",
    "key.relate": "Eine Beziehung bei der Markierung beginnen",
    "key.other": "Beim Verbinden: nächste oder letzte Stelle",
    "key.relation": "Beim Verbinden: die Beziehung wählen",
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

  private readonly asked: RelationLabel[];
  private readonly joinBar: LabelBar;
  private readonly relate: HTMLButtonElement;
  private readonly hint = make("p", { class: "span-hint" });
  private readonly arcs = new Arcs();
  private readonly linkList = make("ul", { class: "span-list span-links", role: "list" });
  private readonly watching: ResizeObserver;
  private links: Link[] = [];
  /** A relation that is being made: where it begins, and the other span once there is one. */
  private joining: { from: Span; to: Span | undefined } | undefined;
  /** The relation whose entry has the focus or the pointer. */
  private shown: Link | undefined;

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
    this.asked = readRelations(question.config["relations"]);
    this.joinBar = new LabelBar(this.asked, text("relations"), ({ id }) => this.join(id), this.labels.length);
    this.relate = toggle(text("relate"), this.relateKey.toUpperCase(), () => (this.joining ? this.escape() : this.startJoining()));
    this.linkList.setAttribute("aria-label", text("relations"));
    const joining = make("div", { class: "span-join" }, this.hint, this.joinBar.element);
    const tools = this.asked.length ? [this.none, this.relate, joining] : [this.none];
    const bar = readonly ? undefined : make("div", { class: "span-bar" }, this.bar.element, ...tools);
    const sheet = makeSheet(this.page.element, this.arcs);
    sheet.classList.toggle("related", this.asked.length > 0);
    host.append(make("div", { class: "span" }, bar, sheet, this.list, this.linkList, this.live));
    this.watching = new ResizeObserver(() => this.drawArcs());
    if (this.asked.length) this.watching.observe(this.page.element);
    this.set(value);
  }

  /** A key that is none of a label. */
  private get relateKey(): string {
    return ["r", "-", "+"].find((key) => !this.bar.keys.includes(key)) ?? "";
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
    const places = readPlaces(value, this.offsets, ids, this.overlap);
    this.spans = places && sorted(places);
    this.links = readLinks(value, places ?? [], this.asked, this.spans ?? []);
    this.active = this.joining = this.shown = undefined;
    this.draw();
  }

  /** A new answer: `links` as far as their ends are in it and fit. */
  private give(spans: Span[] | undefined, links: readonly Link[] = this.links): void {
    this.spans = spans;
    this.links = fitting(links, this.asked, spans ?? []);
    const count = links.length - this.links.length;
    if (count) this.live.append(` ${this.context.text("said.dropped", { count })}`);
    if (!spans?.includes(this.active as Span)) this.active = undefined;
    this.joining = this.shown = undefined;
    this.draw();
    this.context.change(spans?.map((span) => ({ ...writeSpan(span, this.offsets), ...writeLinks(span, this.links, spans) })));
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

  /** Puts a span in the place of another, with the relations that still fit. */
  private replace(span: Span, stretch: Stretch, label: string): void {
    const rest = (this.spans ?? []).filter((other) => other !== span);
    const next = mark(rest, stretch, label, this.overlap);
    const now = next.find((other) => other.start === stretch.start && other.end === stretch.end && other.label === label);
    const moved = (end: Span) => (end === span && now ? now : end);
    this.active = now;
    this.give(next, this.links.map((link) => ({ ...link, from: moved(link.from), to: moved(link.to) })));
  }

  private relabel(span: Span, label: string): void {
    this.say("said.marked", span, label);
    this.replace(span, span, label);
  }

  /** A label by its button or key: for the active mark, for the selection, or from now on. */
  private press(label: Option): void {
    if (this.joining) return;
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
    const ends = [this.joining?.from, this.joining?.to, this.shown?.from, this.shown?.to];
    this.page.draw({ spans, selection, active, ends, position, name: (id) => this.nameOf(id) });
    this.page.element.classList.toggle("brush", this.brush !== undefined);
    this.bar.show(this.active?.label ?? this.brush);
    this.none.setAttribute("aria-pressed", String(this.spans?.length === 0));
    this.list.replaceChildren(...spans.map((span) => this.entry(span, hue(position(span.label)))));
    if (!this.asked.length) return;
    this.drawJoining();
    this.linkList.replaceChildren(...this.links.map((link) => this.linkEntry(link)));
    this.drawArcs();
  }

  private drawJoining(): void {
    const { joining } = this;
    const can = joining?.to ? this.possible(joining.from, joining.to) : [];
    this.joinBar.allow(new Set(can.map(({ id }) => id)));
    this.joinBar.element.parentElement?.toggleAttribute("data-open", joining !== undefined);
    this.bar.element.toggleAttribute("data-off", joining !== undefined);
    this.relate.disabled = !joining && !this.active;
    this.relate.setAttribute("aria-pressed", String(joining !== undefined));
    if (!joining) return;
    const what = !joining.to ? "relate.from" : can.length ? "relate.to" : "relate.none";
    this.hint.textContent = this.context.text(what, { from: this.quote(joining.from), to: joining.to ? this.quote(joining.to) : "" });
  }

  private drawArcs(): void {
    if (!this.asked.length) return;
    const text = this.page.element;
    const [origin, style] = [text.getBoundingClientRect(), getComputedStyle(text)];
    const places = new Map<Span, End>();
    const tops: number[] = [];
    let height = 0;
    for (const span of new Set(this.links.flatMap(({ from, to }) => [from, to]))) {
      const box = this.page.firstLine(span);
      if (!box) return;
      height = box.height;
      const top = tops.find((other) => Math.abs(other - box.top) < box.height / 2) ?? box.top;
      tops.push(top);
      places.set(span, { left: box.left - origin.left, right: box.right - origin.left, top: top - origin.top - 3 });
    }
    const isRtl = style.direction === "rtl";
    const margin = isRtl ? origin.width - parseFloat(style.paddingRight) : parseFloat(style.paddingLeft);
    const gap = (parseFloat(style.lineHeight) || 2 * height) - height - 6;
    const drawn = this.links.map((link) => ({
      from: places.get(link.from) as End,
      to: places.get(link.to) as End,
      name: this.relationOf(link)?.name ?? link.label,
      hue: this.hueOf(link),
      directed: this.relationOf(link)?.directed ?? true,
      strong: link === this.shown || (!this.shown && this.active !== undefined && [link.from, link.to].includes(this.active)),
    }));
    this.arcs.draw(drawn, { gap, margin, away: isRtl ? 1 : -1 }, (at) => this.focusLink(at));
  }

  private relationOf(link: Link): RelationLabel | undefined {
    return this.asked.find(({ id }) => id === link.label);
  }

  /** Hues of relations go on where those of the labels end. */
  private hueOf(link: Link): string {
    return hue(this.labels.length + this.asked.findIndex(({ id }) => id === link.label));
  }

  private wordsOf(link: Link): { from: string; to: string; label: string } {
    return { from: this.quote(link.from), to: this.quote(link.to), label: this.relationOf(link)?.name ?? link.label };
  }

  /** A relation in the list under the text. */
  private linkEntry(link: Link): HTMLElement {
    const { text, readonly } = this.context;
    const words = this.wordsOf(link);
    const arrow = make("span", { class: "arrow", "aria-hidden": "true" }, this.relationOf(link)?.directed === false ? "–" : "→");
    const end = (words: string) => make("bdi", { dir: "auto" }, words);
    const look = (on: Link | undefined) => () => this.show(on);
    const pick = make(
      "button",
      { type: "button", "aria-label": text("related", words), onfocus: look(link), onblur: look(undefined), onclick: () => this.scrollTo(link.from) },
      end(words.from), make("b", { dir: "auto" }, words.label), arrow, end(words.to),
    );
    const remove = make("button", { type: "button", "aria-label": text("unrelate", words), onclick: () => this.unlink(link), onfocus: look(link), onblur: look(undefined) }, "×");
    const entry = make("li", { onpointerenter: look(link), onpointerleave: look(undefined) }, pick, readonly ? undefined : remove);
    entry.style.setProperty("--hue", this.hueOf(link));
    return entry;
  }

  /** Shows both ends of a relation, and its arc over the others. The lists stay, with the focus in them. */
  private show(link: Link | undefined): void {
    if (link === this.shown || (link && !this.links.includes(link))) return;
    this.shown = link;
    [...this.linkList.children].forEach((entry, i) => entry.classList.toggle("active", this.links[i] === link));
    this.page.showEnds(link ? [link.from, link.to] : []);
    this.drawArcs();
  }

  private focusLink(at: number): void {
    this.linkList.children[at]?.querySelector("button")?.focus();
  }

  private scrollTo(span: Span): void {
    this.page.elementAt(span)?.scrollIntoView({ block: "nearest" });
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
    this.tell(what, { words: this.quote(stretch), label: this.nameOf(label) });
  }

  private tell(what: string, args: { [name: string]: string | number }): void {
    this.live.textContent = this.context.text(what, args);
  }

  private activate(span: Span | undefined): void {
    this.active = span;
    this.selection = undefined;
    this.draw();
    this.page.element.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  // -- Relations ---------------------------------------------------------------------------------

  /** The relations that may go from the one span to the other. */
  private possible(from: Span, to: Span): RelationLabel[] {
    return this.asked.filter((one) => allows(one, from, to));
  }

  /** Begins a relation at the active mark, with the next span that it may lead to. */
  private startJoining(): void {
    const { active: from, spans = [] } = this;
    if (!from) return;
    const others = spans.filter((span) => this.possible(from, span).length);
    const to = others.find((span) => spans.indexOf(span) > spans.indexOf(from)) ?? others[0];
    if (!to) return this.tell("said.alone", { from: this.quote(from) });
    this.joining = { from, to };
    this.draw();
    this.scrollTo(to);
    this.tell("relate.to", { from: this.quote(from), to: this.quote(to) });
  }

  /** Goes to the next or last span that the relation may lead to. */
  private stepOther(by: 1 | -1): void {
    const { joining, spans = [] } = this;
    if (!joining) return;
    const others = spans.filter((span) => this.possible(joining.from, span).length);
    const at = joining.to ? others.indexOf(joining.to) : -1;
    this.choose(others[(at + by + others.length) % others.length]);
  }

  private choose(to: Span | undefined): void {
    if (!this.joining || !to || to === this.joining.from) return;
    this.joining = { ...this.joining, to };
    this.draw();
    this.scrollTo(to);
    this.say("said.to", to, to.label);
  }

  /** Joins the two spans; the same relation again takes it away. */
  private join(label: string): void {
    const { joining, spans = [] } = this;
    if (!joining?.to || !this.possible(joining.from, joining.to).some(({ id }) => id === label)) return;
    const link = turned({ from: joining.from, to: joining.to, label }, this.asked, spans);
    const old = this.links.find((one) => isSameLink(one, link));
    this.tell(old ? "said.unrelated" : "said.related", this.wordsOf(link));
    this.active = joining.from;
    this.give(spans, old ? this.links.filter((one) => one !== old) : [...this.links, link]);
    this.focus();
  }

  /** Enter while relating: takes the only relation that fits, or says which there are. */
  private joinOnly(): void {
    const { joining } = this;
    const can = joining?.to ? this.possible(joining.from, joining.to) : [];
    const [only] = can;
    if (only && can.length === 1) this.join(only.id);
    else if (can.length) this.tell("said.choose", { labels: can.map((one) => `${this.joinBar.keys[this.asked.indexOf(one)] ?? ""} ${one.name}`).join(", ") });
  }

  private unlink(link: Link): void {
    const at = this.links.indexOf(link);
    const isHere = this.linkList.contains(document.activeElement);
    this.tell("said.unrelated", this.wordsOf(link));
    this.give(this.spans, this.links.filter((one) => one !== link));
    // The entry that had the focus is gone: it goes to the next one, so that keys go on from here.
    if (isHere && this.links.length) this.focusLink(Math.min(at, this.links.length - 1));
    else if (isHere) this.focus();
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
    if (this.joining) return this.choose(under.find((span) => span !== this.joining?.from && span !== this.joining?.to) ?? under[0]);
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
    if (this.joining) return this.keyWhileJoining(event);
    if (this.active && this.asked.length && this.relateKey && pressedIndex(event, [this.relateKey]) === 0) return use(event, () => this.startJoining());
    if (isPlain(event, "0") && !this.bar.keys.includes("0")) return use(event, () => this.none.click());
    const label = this.bar.pressed(event);
    if (label) return use(event, () => this.press(label));
    const action = this.action(event);
    return action ? use(event, action) : false;
  }

  private keyWhileJoining(event: KeyboardEvent): boolean {
    const label = this.joinBar.pressed(event);
    if (label) return use(event, () => this.join(label.id));
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const isRtl = getComputedStyle(this.page.element).direction === "rtl";
    const steps: { [key: string]: 1 | -1 } = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1, ArrowDown: 1, ArrowUp: -1, ".": 1, ",": -1 };
    const by = event.key === "Tab" ? (event.shiftKey ? -1 : 1) : steps[event.key];
    if (by) return use(event, () => this.stepOther(by));
    if (event.key === "Enter") return use(event, () => this.joinOnly());
    return event.key === "Escape" ? use(event, () => this.escape()) : false;
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
    else return this.replace(this.active, { start, end }, this.active.label);
    this.draw();
  }

  private cycle(by: 1 | -1): void {
    const { spans = [] } = this;
    const at = this.active ? spans.indexOf(this.active) : by > 0 ? -1 : spans.length;
    this.activate(spans[(at + by + spans.length) % spans.length]);
    if (this.active) this.say("said.marked", this.active, this.active.label);
  }

  private erase(): void {
    const { selection, active, shown, spans = [] } = this;
    if (shown && this.linkList.contains(document.activeElement)) this.unlink(shown);
    else if (active) this.remove([active]);
    else if (selection) this.remove(spans.filter((span) => overlaps(span, selection)));
  }

  private escape(): void {
    if (this.joining) this.joining = undefined;
    else if (this.active || this.selection) this.active = this.selection = undefined;
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
      ...(this.asked.length
        ? [
            { keys: this.relateKey.toUpperCase(), does: text("key.relate") },
            { keys: "Tab", does: text("key.other") },
            { keys: keyRange(this.joinBar.keys.map((key) => key.toUpperCase())), does: text("key.relation") },
          ]
        : []),
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
    this.watching.disconnect();
    this.context.host.replaceChildren();
  }
}

const mount: Mount = (context) => new Spans(context);
export default mount;
