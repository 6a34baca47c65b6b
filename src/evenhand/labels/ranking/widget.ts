import { adopt, hotkeys, isPlain, isTyping, keyRange, make, type Option, pressedIndex, readOptions, use } from "$web/lib/kit";
import type { Json, KeyHelp, Mount, Question, Widget, WidgetContext } from "$web/widget";
import { complete, moveTo, place, type Ranks, readRanks, remove, step, toggleTie } from "./order";
import css from "./widget.css?inline";

export const messages = {
  en: {
    "note.start": "Press the items in order, best first.",
    "note.left": "Not ranked yet: {left}",
    up: "{name}: one up",
    down: "{name}: one down",
    tie: "{name}: ties with the one before",
    remove: "{name}: take out",
    drag: "Drag",
    place: "{name}, rank {rank}",
    open: "{name}, not ranked",
    "key.place": "Rank next",
    "key.beside": "Rank beside the last one",
    "key.move": "Move",
    "key.tie": "Tie with the one before",
    "key.remove": "Take out",
    "problem.none": "Rank all the items.",
  },
  de: {
    "note.start": "Drücken Sie die Einträge der Reihe nach, das Beste zuerst.",
    "note.left": "Noch ohne Rang: {left}",
    up: "{name}: eins nach oben",
    down: "{name}: eins nach unten",
    tie: "{name}: gleichauf mit dem Eintrag davor",
    remove: "{name}: herausnehmen",
    drag: "Ziehen",
    place: "{name}, Rang {rank}",
    open: "{name}, ohne Rang",
    "key.place": "Als Nächstes einreihen",
    "key.beside": "Neben dem Letzten einreihen",
    "key.move": "Verschieben",
    "key.tie": "Gleichauf mit dem Eintrag davor",
    "key.remove": "Herausnehmen",
    "problem.none": "Geben Sie allen Einträgen einen Rang.",
  },
};

/** Fields that are ranked stand in their items. */
export function draws({ config }: Question): string[] {
  return Array.isArray(config["field_items"]) ? config["field_items"].map(String) : [];
}

interface Item extends Option {
  element: HTMLElement;
  /** Shows the rank and what it is called for screen readers. */
  place: HTMLElement;
  button: HTMLButtonElement;
  tie: HTMLButtonElement | undefined;
}

class Ranking implements Widget {
  private readonly context: WidgetContext;
  private readonly ties: boolean;
  private readonly items: Item[];
  private readonly hotkeys: string[];
  private readonly ranked = make("ol", { role: "list" });
  private readonly open = make("ol", { role: "list" });
  private readonly note = make("p", { class: "ranking-note", "aria-live": "polite" });
  private readonly removals: (() => void)[] = [];
  private ranks: Ranks = [];

  constructor(context: WidgetContext) {
    adopt(css);
    this.context = context;
    const { question, host, value } = context;
    this.ties = question.config["ties"] === true;
    const fields = draws(question);
    const options = fields.length ? fields.map((name) => this.fieldOption(name)) : readOptions(question.config["items"]);
    this.hotkeys = hotkeys(options);
    this.items = options.map((option, i) => this.makeItem(option, this.hotkeys[i] ?? "", fields.includes(option.id)));
    host.append(make("div", { class: "ranking", role: "group", "aria-label": question.title }, this.ranked, this.note, this.open));
    this.set(value);
  }

  private fieldOption(name: string): Option {
    const title = this.context.fields.find((field) => field.name === name)?.title || name;
    return { id: name, name: title, description: "", key: "" };
  }

  private makeItem(option: Option, key: string, isField: boolean): Item {
    const { readonly, text, show } = this.context;
    const { id, name } = option;
    const badge = make("span", { class: "ranking-place", "aria-hidden": "true" });
    const attributes = { type: "button", class: "ranking-name", dir: "auto", "aria-keyshortcuts": key || undefined, disabled: readonly };
    const button = make("button", { ...attributes, onclick: () => this.press(id) }, name);
    const tool = (sign: string, what: string, run: () => void) =>
      make("button", { type: "button", class: "button quiet small icon", "aria-label": text(what, { name }), title: text(what, { name }), onclick: run }, sign);
    const tie = this.ties ? tool("=", "tie", () => this.give(toggleTie(this.ranks, id), id)) : undefined;
    const up = tool("↑", "up", () => this.give(step(this.ranks, id, -1), id));
    const down = tool("↓", "down", () => this.give(step(this.ranks, id, 1), id));
    const out = tool("×", "remove", () => this.give(remove(this.ranks, id), id));
    const tools = readonly ? undefined : make("span", { class: "ranking-tools" }, tie, up, down, out);
    const grip = readonly ? undefined : make("span", { class: "ranking-grip", "aria-hidden": "true", title: text("drag"), onpointerdown: (event: PointerEvent) => this.drag(event, id) });
    const body = isField ? make("div", { class: "ranking-body" }) : undefined;
    if (body) {
      this.removals.push(show(id, body));
      // What stands below the name is part of the item: a press there ranks it too, unless it selects text.
      if (!readonly) body.addEventListener("click", (event) => this.pressBody(event, id));
    }
    const element = make("li", { class: "ranking-item" }, make("div", { class: "ranking-head" }, badge, button, tools, grip), body);
    return { ...option, element, place: badge, button, tie };
  }

  /** A press on an item that has no rank yet ranks it next. */
  private press(id: string, beside = false): void {
    if (!this.isOpen(id)) this.find(id)?.button.focus();
    else this.give(complete(place(this.ranks, id, beside && this.ties), this.items.map((item) => item.id)), id);
  }

  private pressBody(event: Event, id: string): void {
    const own = event.target instanceof Element && event.target.closest("a, audio, button, summary");
    if (!own && this.isOpen(id) && getSelection()?.isCollapsed !== false) this.press(id);
  }

  private isOpen(id: string): boolean {
    return !this.ranks.some((rank) => rank.includes(id));
  }

  private find(id: string | undefined): Item | undefined {
    return this.items.find((item) => item.id === id);
  }

  private give(next: Ranks, focus: string): void {
    if (JSON.stringify(next) === JSON.stringify(this.ranks)) return;
    this.ranks = next;
    // An element that moves in the page loses the focus; without this the keys would stop working.
    const hadFocus = this.context.host.contains(document.activeElement);
    this.draw();
    if (hadFocus) this.find(focus)?.button.focus({ preventScroll: true });
    this.context.change(next.length ? next.map((rank) => [...rank]) : undefined);
  }

  private draw(): void {
    const order = this.ranks.flat();
    const left = this.items.filter((item) => !order.includes(item.id));
    arrange(this.ranked, order.flatMap((id) => this.find(id)?.element ?? []));
    arrange(this.open, left.map((item) => item.element));
    this.items.forEach((item, i) => this.drawItem(item, this.hotkeys[i] ?? ""));
    const { readonly, text } = this.context;
    const note = order.length ? text("note.left", { left: left.length }) : text("note.start");
    this.note.textContent = left.length && !readonly ? note : "";
  }

  private drawItem({ id, name, element, place: badge, button, tie }: Item, key: string): void {
    const { text } = this.context;
    const at = this.ranks.findIndex((rank) => rank.includes(id));
    const rank = this.ranks.slice(0, at).reduce((sum, one) => sum + one.length, 1);
    const tied = (this.ranks[at]?.indexOf(id) ?? 0) > 0;
    element.classList.toggle("open", at < 0);
    element.classList.toggle("tied", tied);
    badge.textContent = at < 0 ? key.toUpperCase() : String(rank);
    button.setAttribute("aria-label", at < 0 ? text("open", { name }) : text("place", { name, rank }));
    tie?.setAttribute("aria-pressed", String(tied));
  }

  /** While it is dragged, the item moves in the list at once; the answer changes when it is let go. */
  private drag(event: PointerEvent, id: string): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const before = this.ranks;
    const item = this.find(id)?.element;
    const move = ({ clientY }: PointerEvent) => {
      this.ranks = moveTo(before, id, this.ranksAbove(clientY, id));
      this.draw();
    };
    const end = (last: PointerEvent) => {
      listening.abort();
      item?.classList.remove("dragged");
      const after = this.ranks;
      this.ranks = before;
      if (last.type === "pointerup") this.give(after, id);
      this.draw();
    };
    const listening = new AbortController();
    item?.classList.add("dragged");
    // On the window: the element leaves the page for a moment when it moves, and would lose the pointer.
    window.addEventListener("pointermove", move, { signal: listening.signal });
    for (const name of ["pointerup", "pointercancel"] as const) window.addEventListener(name, end, { signal: listening.signal });
  }

  /** How many ranks, without the dragged item, lie above this height of the window. */
  private ranksAbove(y: number, dragged: string): number {
    return remove(this.ranks, dragged).filter((rank) => {
      const box = this.find(rank[rank.length - 1])?.element.getBoundingClientRect();
      return box !== undefined && box.top + box.height / 2 < y;
    }).length;
  }

  set(value: Json | undefined): void {
    this.ranks = readRanks(value, this.items.map((item) => item.id), this.ties);
    this.draw();
  }

  key(event: KeyboardEvent): boolean {
    if (this.context.readonly || isTyping(event)) return false;
    const at = pressedIndex(event, this.hotkeys);
    const pressed = this.items[at];
    const shifted = event.shiftKey && event.key.toLowerCase() !== this.hotkeys[at];
    if (pressed) return use(event, () => this.press(pressed.id, shifted));
    const focused = this.items.find((item) => item.element.contains(document.activeElement));
    return focused ? this.keyOn(focused, event) : false;
  }

  private keyOn(item: Item, event: KeyboardEvent): boolean {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key] as 1 | -1 | undefined;
    if (by && event.altKey) return use(event, () => this.give(step(this.ranks, item.id, by), item.id));
    if (by) return use(event, () => this.focusNext(item, by));
    if (isPlain(event, "=") && this.ties) return use(event, () => this.give(toggleTie(this.ranks, item.id), item.id));
    if (event.key === "Delete" || event.key === "Backspace") return use(event, () => this.give(remove(this.ranks, item.id), item.id));
    return event.key === " ";
  }

  private focusNext(item: Item, by: 1 | -1): void {
    const all = [...this.ranked.children, ...this.open.children];
    const next = all[all.indexOf(item.element) + by];
    this.items.find(({ element }) => element === next)?.button.focus();
  }

  keys(): KeyHelp[] {
    const { text } = this.context;
    const ties = [
      { keys: "Shift+1", does: text("key.beside") },
      { keys: "=", does: text("key.tie") },
    ];
    return [
      { keys: keyRange(this.hotkeys.map((key) => key.toUpperCase())), does: text("key.place") },
      { keys: "Alt+ArrowUp", does: text("key.move") },
      ...(this.ties ? ties : []),
      { keys: "Delete", does: text("key.remove") },
    ];
  }

  focus(): void {
    this.items.find((item) => item.element === (this.ranked.firstChild ?? this.open.firstChild))?.button.focus({ preventScroll: true });
  }

  problem(): string | undefined {
    const { question, text } = this.context;
    const count = this.ranks.flat().length;
    if (count === 0 && !question.required) return undefined;
    return count < this.items.length ? text("problem.none") : undefined;
  }

  destroy(): void {
    for (const gone of this.removals) gone();
    this.context.host.replaceChildren();
  }
}

/** Puts these elements into the list in this order, and touches none that is in its place already. */
function arrange(list: HTMLElement, elements: HTMLElement[]): void {
  elements.forEach((element, i) => {
    if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
  });
  while (list.children.length > elements.length) list.lastElementChild?.remove();
}

const mount: Mount = (context) => new Ranking(context);
export default mount;
