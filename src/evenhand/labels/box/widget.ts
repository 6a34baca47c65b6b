import { adopt, hue, isPlain, isTyping, keyRange, make, type Option, readOptions, toggle, use } from "$web/lib/kit";
import { LabelBar } from "$web/lib/labelbar";
import { ownMedium } from "$web/lib/media";
import type { Point } from "$web/lib/viewport";
import type { Json, KeyHelp, Mount, Question, Widget, WidgetContext } from "$web/widget";
import { between, type Box, centre, type Handle, move, readBoxes, resize, rotate, settle, writeBoxes } from "./geometry";
import { Stage } from "./stage";
import css from "./widget.css?inline";

export const messages = {
  en: {
    none: "No box to draw",
    labels: "Labels",
    picture: "Picture to draw boxes on. N makes a box, arrow keys move it, Alt and arrow keys resize it.",
    boxes: "Boxes",
    box: "{label}, {width} × {height} at {x}, {y}",
    remove: "Remove {label}, {width} × {height} at {x}, {y}",
    new: "New box",
    in: "Zoom in",
    out: "Zoom out",
    fit: "Fit",
    missing: "This picture is not here.",
    "key.label": "Label of the box, or of the next ones",
    "key.new": "New box",
    "key.move": "Move the box by a pixel (with Shift: ten)",
    "key.size": "Resize it by a pixel (with Shift: ten)",
    "key.turn": "Turn it, with < the other way",
    "key.next": "Next or last box",
    "key.remove": "Remove the box",
    "key.zoom": "Zoom (Home fits)",
    "problem.none": "Draw what is asked for, or “No box to draw”.",
  },
  de: {
    none: "Kein Kasten nötig",
    labels: "Labels",
    picture: "Bild für Kästen. N legt einen an, Pfeiltasten verschieben ihn, Alt und Pfeiltasten ändern die Größe.",
    boxes: "Kästen",
    box: "{label}, {width} × {height} bei {x}, {y}",
    remove: "{label} entfernen, {width} × {height} bei {x}, {y}",
    new: "Neuer Kasten",
    in: "Vergrößern",
    out: "Verkleinern",
    fit: "Einpassen",
    missing: "Dieses Bild ist nicht vorhanden.",
    "key.label": "Label des Kastens oder der nächsten",
    "key.new": "Neuer Kasten",
    "key.move": "Kasten um ein Pixel verschieben (mit Umschalt: zehn)",
    "key.size": "Größe um ein Pixel ändern (mit Umschalt: zehn)",
    "key.turn": "Drehen, mit < andersherum",
    "key.next": "Nächster oder letzter Kasten",
    "key.remove": "Kasten entfernen",
    "key.zoom": "Zoomen (Pos1 passt ein)",
    "problem.none": "Zeichnen Sie, was gefragt ist, oder „Kein Kasten nötig“.",
  },
};

const fieldOf = ({ config }: Question) => String(config["field"] ?? "");

/** The widget is the picture's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** A stroke shorter than this is a press, CSS pixels. */
const PRESS = 4;
const ZOOM = 1.35;

/** What a pointer does between press and release; `cancelled` when the browser took it away. */
interface Stroke {
  move(at: Point): void;
  end(cancelled: boolean): void;
}

class Boxes implements Widget {
  private readonly context: WidgetContext;
  private readonly labels: Option[];
  private readonly turnable: boolean;
  private readonly least: number;
  private readonly stage: Stage;
  private readonly bar: LabelBar;
  private readonly none: HTMLButtonElement;
  private readonly list = make("ul", { class: "box-list", role: "list" });
  private readonly fingers = new Map<number, Point>();

  /** Undefined: nobody has answered. An empty list: there is nothing to draw. */
  private boxes: Box[] | undefined;
  private active: Box | undefined;
  private brush: string;
  private stroke: Stroke | undefined;

  constructor(context: WidgetContext) {
    adopt(css);
    this.context = context;
    const { question, data, readonly, text, host, value, media } = context;
    const { config } = question;
    this.labels = readOptions(config["labels"]);
    this.turnable = config["rotation"] === true;
    this.least = Math.max(Number(config["min_size"] ?? 1), 1);
    this.brush = this.labels[0]?.id ?? "";
    const medium = ownMedium(data[fieldOf(question)]);
    const known = medium?.width && medium.height ? { width: medium.width, height: medium.height } : undefined;
    const address = media(fieldOf(question));
    this.stage = new Stage(address, known, text("picture"));
    this.bar = new LabelBar(this.labels, text("labels"), (label) => this.press(label.id));
    this.none = toggle(text("none"), "0", () => this.give(this.boxes?.length === 0 ? undefined : [], undefined));
    this.list.setAttribute("aria-label", text("boxes"));
    this.listen(readonly);
    const missing = address ? undefined : make("p", { class: "hint" }, text("missing"));
    host.append(make("div", { class: "box" }, this.makeBar(readonly), missing, this.stage.element, this.list));
    this.set(value);
  }

  private makeBar(readonly: boolean): HTMLElement {
    const { text } = this.context;
    const tool = (sign: string, name: string, run: () => void) =>
      make("button", { type: "button", class: "button small icon", "aria-label": text(name), title: text(name), onclick: run }, sign);
    const add = make("button", { type: "button", class: "button small", "aria-keyshortcuts": "N", onclick: () => this.add() }, text("new"), make("kbd", { class: "hint-key" }, "N"));
    const zoom = [tool("−", "out", () => this.stage.zoom(1 / ZOOM)), tool("+", "in", () => this.stage.zoom(ZOOM)), tool("⤢", "fit", () => this.stage.fit())];
    const editing = readonly ? [] : [this.bar.element, add, this.none];
    return make("div", { class: "box-bar" }, ...editing, make("span", { class: "box-zoom" }, ...zoom));
  }

  // -- Answer ------------------------------------------------------------------------------------

  set(value: Json | undefined): void {
    this.boxes = readBoxes(value, new Set(this.labels.map((label) => label.id)), this.turnable);
    this.active = undefined;
    this.draw();
  }

  /** The answer changes, and `active` is the box to go on with. */
  private give(boxes: Box[] | undefined, active: Box | undefined): void {
    this.boxes = boxes;
    this.active = active;
    this.draw();
    this.context.change(boxes && writeBoxes(boxes));
  }

  /** Puts a box in the place of another; undefined takes the old one out, or adds the new one. */
  private replace(before: Box | undefined, after: Box | undefined): void {
    const settled = after && settle(after, this.stage.picture);
    const rest = (this.boxes ?? []).flatMap((box) => (box !== before ? [box] : settled ? [settled] : []));
    const boxes = before || !settled ? rest : [...rest, settled];
    this.give(boxes.length ? boxes : undefined, settled);
  }

  /** A label by its button or key: for the active box, and for those to come. */
  private press(label: string): void {
    this.brush = label;
    if (this.active && this.active.label !== label) this.replace(this.active, { ...this.active, label });
    else this.draw();
  }

  /** A box by keyboard: a quarter of what is seen, in its middle, beside others that are there already. */
  private add(): void {
    const { picture, shown, element } = this.stage;
    if (!picture.width) return;
    const middle = { x: (element.clientWidth / 2 - shown.x) / shown.scale, y: (element.clientHeight / 2 - shown.y) / shown.scale };
    const half = { x: Math.min(picture.width, element.clientWidth / shown.scale) / 8, y: Math.min(picture.height, element.clientHeight / shown.scale) / 8 };
    const box = between({ x: middle.x - half.x, y: middle.y - half.y }, { x: middle.x + half.x, y: middle.y + half.y }, picture, this.brush);
    const taken = (this.boxes ?? []).filter((other) => Math.hypot(centre(other).x - middle.x, centre(other).y - middle.y) < half.x).length;
    this.replace(undefined, move(box, { x: taken * 12, y: taken * 12 }, picture));
    this.focus();
  }

  // -- Look --------------------------------------------------------------------------------------

  private readonly position = (id: string) => this.labels.findIndex((label) => label.id === id);
  private readonly name = (id: string) => this.labels[this.position(id)]?.name ?? id;

  private draw(): void {
    const { boxes = [], active, turnable, position, name } = this;
    this.stage.draw({ boxes, active, turnable, position, name });
    this.bar.show(active?.label ?? this.brush);
    this.none.setAttribute("aria-pressed", String(this.boxes?.length === 0));
    this.list.replaceChildren(...boxes.map((box) => this.entry(box, name(box.label), hue(position(box.label)))));
  }

  private entry(box: Box, label: string, colour: string): HTMLElement {
    const { text, readonly } = this.context;
    const [x, y, width, height] = [box.x, box.y, box.width, box.height].map(Math.round) as [number, number, number, number];
    const args = { label, x, y, width, height };
    const pick = make(
      "button",
      { type: "button", "aria-label": text("box", args), "aria-pressed": String(box === this.active), onclick: () => this.activate(box) },
      make("b", { dir: "auto" }, label),
      make("span", {}, ` ${width} × ${height}`),
    );
    const remove = readonly ? undefined : make("button", { type: "button", "aria-label": text("remove", args), onclick: () => this.replace(box, undefined) }, "×");
    const entry = make("li", { class: box === this.active ? "active" : undefined }, pick, remove);
    entry.style.setProperty("--hue", colour);
    return entry;
  }

  private activate(box: Box | undefined): void {
    this.active = box;
    if (box) this.brush = box.label;
    this.draw();
    if (box) this.focus();
  }

  /** Shows a box in the making, without an answer yet. */
  private sketch(before: Box | undefined, after: Box): void {
    const rest = (this.boxes ?? []).filter((box) => box !== before);
    const { turnable, position, name } = this;
    this.stage.draw({ boxes: [...rest, after], active: after, turnable, position, name });
  }

  // -- Pointer -----------------------------------------------------------------------------------

  private listen(readonly: boolean): void {
    const { element } = this.stage;
    element.classList.toggle("readonly", readonly);
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"] as const) element.addEventListener(name, (event) => this.up(event));
  }

  /** One finger or the left button draws; two fingers or the middle button move the picture. */
  private down(event: PointerEvent): void {
    if (event.button > 1) return;
    event.preventDefault();
    this.focus();
    this.stage.element.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.stage.inFrame(event));
    if (this.fingers.size > 1) {
      this.stroke?.end(true);
      this.stroke = undefined;
    } else if (event.button === 0 && !this.context.readonly) this.stroke = this.startStroke(event);
  }

  private startStroke(event: PointerEvent): Stroke {
    const from = this.stage.inPicture(event);
    const handle = this.stage.handleAt(event);
    const { active } = this;
    if (active && handle) return this.change(active, (at) => this.pulled(active, handle, at));
    const under = this.stage.boxesAt(event);
    if (active && under.includes(active)) return this.moveStroke(active, from, under);
    return this.drawStroke(from, under);
  }

  private pulled(box: Box, handle: Handle | "turn", at: Point): Box {
    if (handle !== "turn") return resize(box, handle, at, this.stage.picture, this.least);
    const middle = centre(box);
    return rotate(box, (Math.atan2(at.y - middle.y, at.x - middle.x) * 180) / Math.PI + 90);
  }

  /** Changes a box with the pointer; it becomes an answer when the pointer lets go. */
  private change(before: Box, change: (at: Point) => Box): Stroke {
    let after: Box | undefined;
    return {
      move: (at) => this.sketch(before, (after = change(at))),
      end: (cancelled) => (after && !cancelled ? this.replace(before, after) : this.draw()),
    };
  }

  /** Drags the active box; a mere press takes the next of those that lie under each other. */
  private moveStroke(box: Box, from: Point, under: Box[]): Stroke {
    const dragging = this.change(box, (at) => move(box, { x: at.x - from.x, y: at.y - from.y }, this.stage.picture));
    let far = false;
    return {
      move: (at) => {
        far ||= this.isFar(from, at);
        if (far) dragging.move(at);
      },
      end: (cancelled) => {
        if (far) dragging.end(cancelled);
        else if (!cancelled) this.activate(under[(under.indexOf(box) + 1) % under.length]);
      },
    };
  }

  /** Draws a new box, also from inside another; a mere press takes the box that lies there, or none. */
  private drawStroke(from: Point, under: Box[]): Stroke {
    const { picture } = this.stage;
    let box: Box | undefined;
    return {
      move: (at) => {
        if (!box && !this.isFar(from, at)) return;
        box = between(from, at, picture, this.brush);
        this.sketch(undefined, box);
      },
      end: (cancelled) => {
        if (cancelled) this.draw();
        else if (!box) this.activate(under[0]);
        else if (box.width >= this.least && box.height >= this.least) this.replace(undefined, box);
        else this.draw();
      },
    };
  }

  private isFar(a: Point, b: Point): boolean {
    return Math.hypot(a.x - b.x, a.y - b.y) * this.stage.shown.scale >= PRESS;
  }

  private moved(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.stage.inFrame(event);
    this.fingers.set(event.pointerId, now);
    if (this.stroke) return this.stroke.move(this.stage.inPicture(event));
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return this.stage.pan(now.x - before.x, now.y - before.y);
    const far = (point: Point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.stage.zoom(far(now) / far(before), other);
    this.stage.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    this.stroke?.end(event.type === "pointercancel");
    this.stroke = undefined;
  }

  // -- Keys --------------------------------------------------------------------------------------

  key(event: KeyboardEvent): boolean {
    if (isTyping(event) || event.ctrlKey || event.metaKey) return false;
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) return true;
    const action = this.viewAction(event.key) ?? (this.context.readonly ? undefined : this.editAction(event));
    return action ? use(event, action) : false;
  }

  private viewAction(key: string): (() => void) | undefined {
    if (key === "+") return () => this.stage.zoom(ZOOM);
    if (key === "-") return () => this.stage.zoom(1 / ZOOM);
    return key === "Home" ? () => this.stage.fit() : undefined;
  }

  private editAction(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    const { key } = event;
    if (isPlain(event, "0")) return () => this.none.click();
    if (key === "." || key === ",") return () => this.cycle(key === "." ? 1 : -1);
    if (active && (key === "Delete" || key === "Backspace")) return () => this.replace(active, undefined);
    if (active && key === "Escape") return () => this.activate(undefined);
    if (active && key.startsWith("Arrow")) return () => this.nudge(active, event);
    const sense = { "<": -1, ">": 1 }[key];
    if (active && sense && this.turnable) return () => this.replace(active, rotate(active, active.rotation + 5 * sense));
    const label = this.bar.pressed(event);
    if (label) return () => this.press(label.id);
    return key.toLowerCase() === "n" ? () => this.add() : undefined;
  }

  private nudge(box: Box, { key, altKey, shiftKey }: KeyboardEvent): void {
    const far = shiftKey ? 10 : 1;
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[key] ?? [0, 0];
    const [x = 0, y = 0] = by;
    const { picture } = this.stage;
    if (!altKey) return this.replace(box, move(box, { x, y }, picture));
    const { rotation, ...upright } = box;
    const corner = { x: box.x + box.width + x, y: box.y + box.height + y };
    this.replace(box, { ...resize({ ...upright, rotation: 0 }, { x: 1, y: 1 }, corner, picture, this.least), rotation });
  }

  private cycle(by: 1 | -1): void {
    const { boxes = [], active } = this;
    const at = active ? boxes.indexOf(active) : by > 0 ? -1 : boxes.length;
    this.activate(boxes[(at + by + boxes.length) % boxes.length]);
  }

  keys(): KeyHelp[] {
    const { text } = this.context;
    const turning = this.turnable ? [{ keys: ">", does: text("key.turn") }] : [];
    return [
      { keys: keyRange(this.bar.keys.map((key) => key.toUpperCase())), does: text("key.label") },
      { keys: "N", does: text("key.new") },
      { keys: "ArrowRight", does: text("key.move") },
      { keys: "Alt+ArrowRight", does: text("key.size") },
      ...turning,
      { keys: ".", does: text("key.next") },
      { keys: "Delete", does: text("key.remove") },
      { keys: "+", does: text("key.zoom") },
      { keys: "0", does: text("none") },
    ];
  }

  focus(): void {
    this.stage.element.focus({ preventScroll: true });
  }

  problem(): string | undefined {
    const { question, text } = this.context;
    return question.required && this.boxes === undefined ? text("problem.none") : undefined;
  }

  destroy(): void {
    this.stage.destroy();
    this.context.host.replaceChildren();
  }
}

const mount: Mount = (context) => new Boxes(context);
export default mount;
