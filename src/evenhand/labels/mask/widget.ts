import { arrow, Drawing, drawingTexts, fieldOf, type Stroke } from "$web/lib/drawing";
import { adopt, make, pressedIndex, toggle } from "$web/lib/kit";
import type { Said } from "$web/lib/pieces";
import type { Point } from "$web/lib/viewport";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import { covered, decode, encode, flood, type Mask, put, readMasks, type Row, stroke, writeMasks } from "./runs";
import { MaskStage } from "./stage";
import css from "./widget.css?inline";

export const messages = {
  en: {
    ...drawingTexts.en,
    none: "Nothing to paint",
    view: "Picture to paint on. Arrow keys move the brush, the space bar paints, Shift and arrow keys paint along.",
    list: "Masks",
    entry: "{label}, {share} % of the picture",
    remove: "Remove {label}, {share} % of the picture",
    new: "New mask",
    tools: "Tools",
    brush: "Brush",
    eraser: "Eraser",
    fill: "Fill",
    smaller: "Smaller brush",
    larger: "Larger brush",
    size: "{size} px",
    "key.tools": "Brush, eraser, fill",
    "key.size": "Larger brush, with < smaller",
    "key.move": "Move the brush (with Alt: by a pixel)",
    "key.along": "Paint along",
    "key.paint": "Paint, erase or fill here",
    "key.label": "Go on with the mask of this label, or begin one",
    "problem.none": "Paint what is asked for, or “Nothing to paint”.",
  },
  de: {
    ...drawingTexts.de,
    none: "Nichts zu malen",
    view: "Bild zum Bemalen. Pfeiltasten bewegen den Pinsel, die Leertaste malt, Umschalt und Pfeiltasten malen entlang.",
    list: "Masken",
    entry: "{label}, {share} % des Bildes",
    remove: "{label} entfernen, {share} % des Bildes",
    new: "Neue Maske",
    tools: "Werkzeuge",
    brush: "Pinsel",
    eraser: "Radierer",
    fill: "Füllen",
    smaller: "Kleinerer Pinsel",
    larger: "Größerer Pinsel",
    size: "{size} px",
    "key.tools": "Pinsel, Radierer, Füllen",
    "key.size": "Größerer Pinsel, mit < kleiner",
    "key.move": "Pinsel bewegen (mit Alt: um ein Pixel)",
    "key.along": "Entlang malen",
    "key.paint": "Hier malen, radieren oder füllen",
    "key.label": "Mit der Maske dieses Labels weitermachen oder eine beginnen",
    "problem.none": "Malen Sie, was gefragt ist, oder „Nichts zu malen“.",
  },
};

/** The widget is the picture's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

const TOOLS = ["brush", "eraser", "fill"] as const;
type Tool = (typeof TOOLS)[number];
const KEYS = ["b", "e", "g"];

/** Pixels of the picture; each step of the brush's size is by this much. */
const SMALLEST = 0.5;
const LARGEST = 400;
const STEP = 1.25;

class Masks extends Drawing<Mask, MaskStage> {
  private kind: Tool = "brush";
  /** Of the brush, pixels of the picture; 0 until the picture's size is known. */
  private radius = 0;
  /** Where the brush is, in the picture. */
  private cursor: Point | undefined;
  private readonly buttons: HTMLButtonElement[];
  private readonly size = make("output");

  constructor(context: WidgetContext) {
    super(context, MaskStage);
    adopt(css);
    this.buttons = TOOLS.map((kind, i) => toggle(context.text(kind), this.keyOf(i).toUpperCase(), () => this.take(kind)));
    this.stage.element.addEventListener("pointermove", (event) => this.hover(this.stage.inPicture(event)));
    this.stage.element.addEventListener("pointerleave", () => this.hover(undefined));
    this.begin("mask");
  }

  /** The key of a tool, unless a label has it. */
  private keyOf(i: number): string {
    const key = KEYS[i] ?? "";
    return this.bar.keys.includes(key) ? "" : key;
  }

  protected override tools(): HTMLElement[] {
    const sized = (sign: string, name: string, by: number) => {
      const label = this.context.text(name);
      return make("button", { type: "button", class: "button small icon", "aria-label": label, title: label, onclick: () => this.resize(by) }, sign);
    };
    const sizes = make("span", { class: "tools" }, sized("<", "smaller", 1 / STEP), this.size, sized(">", "larger", STEP));
    const tools = make("span", { class: "tools", role: "group", "aria-label": this.context.text("tools") }, ...this.buttons);
    return [tools, sizes, ...super.tools()];
  }

  protected read(value: Json | undefined): Mask[] | undefined {
    return readMasks(value, new Set(this.labels.map((label) => label.id)), this.stage.picture);
  }

  protected write(masks: readonly Mask[]): Json {
    return writeMasks(masks);
  }

  protected settle(mask: Mask): Mask {
    return mask;
  }

  protected show(masks: readonly Mask[], active: Mask | undefined): void {
    const { position, name } = this;
    this.stage.draw({ masks, active, position, name });
    this.take(this.kind);
    this.resize(1);
  }

  protected said(mask: Mask): Said {
    const share = Number(((100 * covered(mask)) / (mask.width * mask.height)).toPrecision(2));
    return { brief: `${share} %`, args: { share } };
  }

  /** A label goes on with its last mask; where it has none, the next stroke begins one. */
  protected override press(label: string): void {
    this.active = this.pieces?.findLast((mask) => mask.label === label);
    this.brush = label;
    this.draw();
  }

  /** The next stroke begins a new mask. */
  protected add(): void {
    this.active = undefined;
    this.take("brush");
    this.draw();
    this.focus();
  }

  private take(kind: Tool): void {
    this.kind = kind;
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(TOOLS[i] === kind)));
  }

  private resize(by: number): void {
    const { width, height } = this.stage.picture;
    if (!this.radius && width) this.radius = Math.max(Math.min(width, height) / 40, 1);
    this.radius &&= Math.min(Math.max(this.radius * by, SMALLEST), LARGEST);
    this.size.textContent = this.context.text("size", { size: Math.max(Math.round(2 * this.radius), 1) });
    this.hover(this.cursor);
  }

  private hover(at: Point | undefined): void {
    this.cursor = at;
    const radius = this.kind === "fill" ? 0 : this.radius;
    this.stage.brush = at && !this.context.readonly ? { at, radius } : undefined;
    this.stage.redraw();
  }

  // -- Paint -------------------------------------------------------------------------------------

  protected startStroke(event: PointerEvent): Stroke {
    const from = this.stage.inPicture(event);
    const { picture } = this.stage;
    if (!this.radius) this.resize(1);
    if (!picture.width) return { move: () => undefined, end: () => undefined };
    if (this.kind === "fill") return { move: () => undefined, end: (cancelled) => (cancelled ? undefined : this.fill(from)) };
    const painting = this.paint();
    let last = from;
    painting.put(stroke(from, from, this.radius, picture));
    return {
      move: (at) => {
        painting.put(stroke(last, at, this.radius, picture));
        last = at;
      },
      end: (cancelled) => (cancelled ? this.draw() : painting.done()),
    };
  }

  /** Pixels of the active mask, or of a new one, to be changed and then to go into the answer. */
  private paint(): { bits: Uint8Array; put(rows: readonly Row[]): void; done(): void } {
    const { active } = this;
    const { width, height } = this.stage.picture;
    const label = active?.label ?? this.brush;
    const bits = active ? decode(active) : new Uint8Array(width * height);
    const on = this.kind !== "eraser";
    return {
      bits,
      put: (rows) => {
        put(bits, width, rows, on);
        this.stage.put(rows, label, on);
      },
      done: () => {
        const runs = encode(bits);
        if (runs.length > 1) this.replace(active, { label, width, height, runs });
        else if (active) this.replace(active, undefined);
        else this.draw();
      },
    };
  }

  /** Fills what hangs together around this place and is not painted yet. */
  private fill(at: Point): void {
    const { picture } = this.stage;
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return;
    const painting = this.paint();
    const rows = flood(painting.bits, picture, x, y);
    if (!rows.length) return;
    painting.put(rows);
    painting.done();
  }

  // -- Keys --------------------------------------------------------------------------------------

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const tool = TOOLS[pressedIndex(event, TOOLS.map((_, i) => this.keyOf(i) || "\0"))];
    if (tool) return () => this.take(tool);
    const by = { "<": 1 / STEP, ">": STEP }[event.key];
    if (by) return () => this.resize(by);
    if (event.key === " ") return () => this.paintAlong(this.here, this.here);
    const step = arrow(event);
    return step ? () => this.step(step, event) : undefined;
  }

  /** Where the brush is; in the middle of what is seen before it was moved. */
  private get here(): Point {
    return this.cursor ?? this.stage.middle;
  }

  /** Arrow keys move by half the brush, or a pixel; with Shift they paint on the way. */
  private step(by: Point, { altKey, shiftKey }: KeyboardEvent): void {
    if (!this.radius) this.resize(1);
    const far = altKey ? 1 : Math.max(1, this.radius / 2);
    const from = this.here;
    const { width, height } = this.stage.picture;
    const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    const to = { x: clamp(from.x + Math.sign(by.x) * far, width), y: clamp(from.y + Math.sign(by.y) * far, height) };
    this.stage.reveal(to);
    if (shiftKey && this.kind !== "fill") this.paintAlong(from, to);
    this.hover(to);
  }

  private paintAlong(from: Point, to: Point): void {
    if (this.kind === "fill") return this.fill(to);
    if (!this.radius) this.resize(1);
    if (!this.stage.picture.width) return;
    const painting = this.paint();
    painting.put(stroke(from, to, this.radius, this.stage.picture));
    painting.done();
    this.hover(to);
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    const tools = TOOLS.map((_, i) => this.keyOf(i).toUpperCase()).filter(Boolean);
    return [
      ...(tools.length ? [{ keys: tools.join(" "), does: text("key.tools") }] : []),
      { keys: ">", does: text("key.size") },
      { keys: "ArrowRight", does: text("key.move") },
      { keys: "Shift+ArrowRight", does: text("key.along") },
      { keys: "Space", does: text("key.paint") },
    ];
  }
}

const mount: Mount = (context) => new Masks(context);
export default mount;
