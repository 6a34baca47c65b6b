import { arrow, Drawing, drawingTexts, fieldOf, type Stroke } from "$web/lib/drawing";
import type { Said } from "$web/lib/pieces";
import type { Point } from "$web/lib/viewport";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import { between, type Box, centre, type Handle, move, readBoxes, resize, rotate, settle, writeBoxes } from "./geometry";
import { BoxStage } from "./stage";

export const messages = {
  en: {
    ...drawingTexts.en,
    none: "No box to draw",
    view: "Picture to draw boxes on. N makes a box, arrow keys move it, Alt and arrow keys resize it.",
    list: "Boxes",
    entry: "{label}, {width} × {height} at {x}, {y}",
    remove: "Remove {label}, {width} × {height} at {x}, {y}",
    new: "New box",
    "key.move": "Move the box by a pixel (with Shift: ten)",
    "key.size": "Resize it by a pixel (with Shift: ten)",
    "key.turn": "Turn it, with < the other way",
    "problem.none": "Draw what is asked for, or “No box to draw”.",
  },
  de: {
    ...drawingTexts.de,
    none: "Kein Kasten nötig",
    view: "Bild für Kästen. N legt einen an, Pfeiltasten verschieben ihn, Alt und Pfeiltasten ändern die Größe.",
    list: "Kästen",
    entry: "{label}, {width} × {height} bei {x}, {y}",
    remove: "{label} entfernen, {width} × {height} bei {x}, {y}",
    new: "Neuer Kasten",
    "key.move": "Kasten um ein Pixel verschieben (mit Umschalt: zehn)",
    "key.size": "Größe um ein Pixel ändern (mit Umschalt: zehn)",
    "key.turn": "Drehen, mit < andersherum",
    "problem.none": "Zeichnen Sie, was gefragt ist, oder „Kein Kasten nötig“.",
  },
};

/** The widget is the picture's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

class Boxes extends Drawing<Box, BoxStage> {
  private readonly turnable: boolean;
  private readonly least: number;

  constructor(context: WidgetContext) {
    super(context, BoxStage);
    const { config } = context.question;
    this.turnable = config["rotation"] === true;
    this.least = Math.max(Number(config["min_size"] ?? 1), 1);
    this.begin("box");
  }

  protected read(value: Json | undefined): Box[] | undefined {
    return readBoxes(value, new Set(this.labels.map((label) => label.id)), this.turnable);
  }

  protected write(boxes: readonly Box[]): Json {
    return writeBoxes(boxes);
  }

  protected settle(box: Box): Box {
    return settle(box, this.stage.picture);
  }

  protected show(boxes: readonly Box[], active: Box | undefined): void {
    const { turnable, position, name } = this;
    this.stage.draw({ boxes, active, turnable, position, name });
  }

  protected said(box: Box): Said {
    const [x, y, width, height] = [box.x, box.y, box.width, box.height].map(Math.round) as [number, number, number, number];
    return { brief: `${width} × ${height}`, args: { x, y, width, height } };
  }

  /** A quarter of what is seen, in its middle, beside others that are there already. */
  protected add(): void {
    const { picture, shown, frame, middle } = this.stage;
    if (!picture.width) return;
    const half = { x: Math.min(picture.width, frame.width / shown.scale) / 8, y: Math.min(picture.height, frame.height / shown.scale) / 8 };
    const box = between({ x: middle.x - half.x, y: middle.y - half.y }, { x: middle.x + half.x, y: middle.y + half.y }, picture, this.brush);
    const taken = (this.pieces ?? []).filter((other) => Math.hypot(centre(other).x - middle.x, centre(other).y - middle.y) < half.x).length;
    this.replace(undefined, move(box, { x: taken * 12, y: taken * 12 }, picture));
    this.focus();
  }

  // -- Pointer -----------------------------------------------------------------------------------

  protected startStroke(event: PointerEvent): Stroke {
    const from = this.stage.inPicture(event);
    const handle = this.stage.handleAt(event);
    const { active } = this;
    if (active && handle) return this.change(active, (at) => this.pulled(active, handle, at));
    const under = this.stage.boxesAt(event);
    if (active && under.includes(active)) return this.drag(active, from, under, (by) => move(active, by, this.stage.picture));
    return this.drawStroke(from, under);
  }

  private pulled(box: Box, handle: Handle | "turn", at: Point): Box {
    if (handle !== "turn") return resize(box, handle, at, this.stage.picture, this.least);
    const middle = centre(box);
    return rotate(box, (Math.atan2(at.y - middle.y, at.x - middle.x) * 180) / Math.PI + 90);
  }

  /** Draws a new box, also from inside another; a mere press takes the box that lies there, or none. */
  private drawStroke(from: Point, under: Box[]): Stroke {
    const { picture } = this.stage;
    let box: Box | undefined;
    const drawing: Stroke = {
      move: (at) => this.sketch(undefined, (box = between(from, at, picture, this.brush))),
      end: (cancelled) => {
        if (!cancelled && box && box.width >= this.least && box.height >= this.least) this.replace(undefined, box);
        else this.draw();
      },
    };
    return this.far(from, drawing, () => this.activate(under[0]));
  }

  // -- Keys --------------------------------------------------------------------------------------

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    if (!active) return undefined;
    const by = arrow(event);
    if (by) return () => this.nudge(active, by, event.altKey);
    const sense = { "<": -1, ">": 1 }[event.key];
    return sense && this.turnable ? () => this.replace(active, rotate(active, active.rotation + 5 * sense)) : undefined;
  }

  private nudge(box: Box, by: Point, sized: boolean): void {
    const { picture } = this.stage;
    if (!sized) return this.replace(box, move(box, by, picture));
    const { rotation, ...upright } = box;
    const corner = { x: box.x + box.width + by.x, y: box.y + box.height + by.y };
    this.replace(box, { ...resize({ ...upright, rotation: 0 }, { x: 1, y: 1 }, corner, picture, this.least), rotation });
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    const turning = this.turnable ? [{ keys: ">", does: text("key.turn") }] : [];
    return [{ keys: "ArrowRight", does: text("key.move") }, { keys: "Alt+ArrowRight", does: text("key.size") }, ...turning];
  }
}

const mount: Mount = (context) => new Boxes(context);
export default mount;
