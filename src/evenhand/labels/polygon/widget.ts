import { arrow, Drawing, drawingTexts, fieldOf, type Stroke } from "$web/lib/drawing";
import type { Said } from "$web/lib/pieces";
import type { Point } from "$web/lib/viewport";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import { bounds, insertCorner, inside, isSound, middles, move, type Polygon, readPolygons, settle, simplify, withCorner, withoutCorner, writePolygons } from "./outline";
import { PolygonStage } from "./stage";

export const messages = {
  en: {
    ...drawingTexts.en,
    none: "Nothing to outline",
    view: "Picture to outline things on. Press corner after corner, or draw the outline; N makes a polygon, < and > choose a corner, arrow keys move it.",
    list: "Polygons",
    entry: "{label}, {corners} corners, {width} × {height} at {x}, {y}",
    remove: "Remove {label}, {width} × {height} at {x}, {y}",
    brief: "{corners} corners",
    new: "New polygon",
    close: "Close",
    "key.corner": "Next corner, with < the last",
    "key.move": "Move the corner, or all of it, by a pixel (with Shift: ten)",
    "key.insert": "New polygon, or a corner after the chosen one",
    "key.close": "Close the outline (Escape gives it up, Backspace takes a corner back)",
    "problem.none": "Outline what is asked for, or “Nothing to outline”.",
    "problem.open": "Close the outline that you have begun, or give it up with Escape.",
  },
  de: {
    ...drawingTexts.de,
    none: "Nichts zu umreißen",
    view: "Bild zum Umreißen. Ecke für Ecke drücken oder den Umriss ziehen; N legt ein Vieleck an, < und > wählen eine Ecke, Pfeiltasten verschieben sie.",
    list: "Vielecke",
    entry: "{label}, {corners} Ecken, {width} × {height} bei {x}, {y}",
    remove: "{label} entfernen, {width} × {height} bei {x}, {y}",
    brief: "{corners} Ecken",
    new: "Neues Vieleck",
    close: "Schließen",
    "key.corner": "Nächste Ecke, mit < die letzte",
    "key.move": "Ecke oder alles um ein Pixel verschieben (mit Umschalt: zehn)",
    "key.insert": "Neues Vieleck, oder eine Ecke nach der gewählten",
    "key.close": "Umriss schließen (Escape gibt ihn auf, Rücktaste nimmt eine Ecke zurück)",
    "problem.none": "Umreißen Sie, was gefragt ist, oder „Nichts zu umreißen“.",
    "problem.open": "Schließen Sie den begonnenen Umriss, oder geben Sie ihn mit Escape auf.",
  },
};

/** The widget is the picture's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** A freehand outline keeps to the pointer this closely, CSS pixels. */
const CLOSELY = 1.5;

class Polygons extends Drawing<Polygon, PolygonStage> {
  /** Which corner of the active polygon is chosen. */
  private corner: number | undefined;
  /** Corners pressed so far of an outline that is not closed yet. */
  private making: Point[] = [];
  /** Where the pointer is, to which the open outline runs. */
  private hover: Point | undefined;
  private readonly closing: HTMLButtonElement;
  protected override readonly newKey = "key.insert";

  constructor(context: WidgetContext) {
    super(context, PolygonStage);
    this.closing = this.tool(context.text("close"), "Enter", () => this.close(this.making));
    this.closing.hidden = true;
    this.stage.element.addEventListener("pointermove", (event) => this.hovered(event));
    this.stage.element.addEventListener("dblclick", () => this.close(this.making));
    this.begin("polygon");
  }

  protected override tools(): HTMLElement[] {
    return [...super.tools(), this.closing];
  }

  protected read(value: Json | undefined): Polygon[] | undefined {
    return readPolygons(value, new Set(this.labels.map((label) => label.id)));
  }

  protected write(polygons: readonly Polygon[]): Json {
    return writePolygons(polygons);
  }

  protected settle(polygon: Polygon): Polygon {
    return settle(polygon, this.stage.picture);
  }

  override set(value: Json | undefined): void {
    this.making = [];
    super.set(value);
  }

  protected show(polygons: readonly Polygon[], active: Polygon | undefined): void {
    const { position, name, making, hover, brush } = this;
    if (this.corner !== undefined && this.corner >= (active?.points.length ?? 0)) this.corner = undefined;
    const line = making.length ? { points: [...making, hover ?? (making[making.length - 1] as Point)], label: brush } : undefined;
    this.stage.draw({ polygons, active, corner: this.corner, making: line, position, name });
    this.closing.hidden = making.length < 3;
  }

  protected said({ points }: Polygon): Said {
    const { left, top, right, bottom } = bounds(points);
    const args = { corners: points.length, x: Math.round(left), y: Math.round(top), width: Math.round(right - left), height: Math.round(bottom - top) };
    return { brief: this.context.text("brief", args), args };
  }

  protected override activate(polygon: Polygon | undefined): void {
    this.corner = undefined;
    super.activate(polygon);
  }

  /** By keyboard: four corners around the middle of what is seen; or one more after the chosen one. */
  protected add(): void {
    const { active, corner } = this;
    const { picture, shown, frame, middle } = this.stage;
    if (active && corner !== undefined) return this.addCorner(active, corner);
    if (!picture.width) return;
    const taken = (this.pieces ?? []).length * 12;
    const [dx, dy] = [Math.min(picture.width, frame.width / shown.scale) / 8, Math.min(picture.height, frame.height / shown.scale) / 8];
    const around = [[-dx, -dy], [dx, -dy], [dx, dy], [-dx, dy]] as const;
    const points = around.map(([x, y]) => ({ x: middle.x + x, y: middle.y + y }));
    this.making = [];
    this.replace(undefined, move({ points, label: this.brush }, { x: taken % (2 * dx), y: taken % (2 * dy) }, picture));
    this.focus();
  }

  private addCorner(polygon: Polygon, after: number): void {
    const at = middles(polygon.points)[after];
    if (!at) return;
    this.corner = after + 1;
    this.replace(polygon, insertCorner(polygon, after, at));
  }

  /** What is in the making becomes a polygon, if there is anything between its corners. */
  private close(points: readonly Point[]): void {
    const polygon = settle({ points, label: this.brush }, this.stage.picture);
    if (!isSound(polygon)) return this.draw();
    this.making = [];
    this.corner = undefined;
    this.replace(undefined, polygon);
  }

  /** Changes the active polygon unless nothing would be left of it. */
  private reshape(before: Polygon, after: Polygon): void {
    if (isSound(this.settle(after))) this.replace(before, after);
    else this.draw();
  }

  // -- Pointer -----------------------------------------------------------------------------------

  private hovered(event: PointerEvent): void {
    if (!this.making.length) return;
    this.hover = inside(this.stage.inPicture(event), this.stage.picture);
    this.draw();
  }

  protected startStroke(event: PointerEvent): Stroke {
    const from = inside(this.stage.inPicture(event), this.stage.picture);
    const { active } = this;
    if (this.making.length) return this.goOn(from, this.making.length > 2 && this.stage.placeAt(event, this.making.slice(0, 1)) === 0);
    const corner = active ? this.stage.placeAt(event, active.points) : -1;
    if (active && corner >= 0) return this.pullCorner(active, corner, from);
    const edge = active ? this.stage.placeAt(event, middles(active.points)) : -1;
    if (active && edge >= 0) return this.pullCorner(insertCorner(active, edge, from), edge + 1, from, active);
    const under = this.stage.polygonsAt(event);
    if (active && under.includes(active)) return this.drag(active, from, under, (by) => move(active, by, this.stage.picture));
    return this.outline([from], from, () => (under[0] ? this.activate(under[0]) : this.begun(from)));
  }

  /** The first corner of an outline. */
  private begun(from: Point): void {
    this.active = undefined;
    this.corner = undefined;
    this.making = [from];
    this.hover = undefined;
    this.draw();
  }

  /** A further corner, or the first one again, which closes the outline. */
  private goOn(from: Point, closes: boolean): Stroke {
    return this.outline([...this.making, from], from, () => {
      if (closes) return this.close(this.making);
      this.making = [...this.making, from];
      this.draw();
    });
  }

  /** Draws an outline in one go, which the release closes; a mere press does what `press` says. */
  private outline(corners: Point[], from: Point, press: () => void): Stroke {
    const line = [...corners];
    const drawing: Stroke = {
      move: (at) => {
        line.push(inside(at, this.stage.picture));
        this.making = line;
        this.draw();
      },
      end: (cancelled) => {
        this.making = [];
        if (cancelled) this.draw();
        else this.close(simplify(line, CLOSELY / this.stage.shown.scale));
      },
    };
    return this.far(from, drawing, press);
  }

  /** Pulls a corner; a mere press chooses it for the keys. `before` is what stands in the answer. */
  private pullCorner(polygon: Polygon, corner: number, from: Point, before: Polygon = polygon): Stroke {
    let after: Polygon | undefined;
    this.corner = corner;
    const pulling: Stroke = {
      move: (at) => this.sketch(before, (after = withCorner(polygon, corner, inside(at, this.stage.picture)))),
      end: (cancelled) => (after && !cancelled ? this.reshape(before, after) : this.draw()),
    };
    return this.far(from, pulling, () => (polygon === before ? this.draw() : this.reshape(before, polygon)));
  }

  // -- Keys --------------------------------------------------------------------------------------

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const { key } = event;
    const { active, corner } = this;
    if (this.making.length) return this.makingKey(key);
    if (!active) return undefined;
    const by = arrow(event);
    if (by) return () => this.nudge(active, by);
    const sense = { "<": -1, ">": 1 }[key];
    if (sense) return () => this.choose(active, sense);
    if (corner === undefined) return undefined;
    if (key === "Escape") return () => this.activate(active);
    return key === "Delete" || key === "Backspace" ? () => this.reshape(active, withoutCorner(active, corner)) : undefined;
  }

  private makingKey(key: string): (() => void) | undefined {
    if (key === "Enter") return () => this.close(this.making);
    if (key !== "Escape" && key !== "Backspace") return undefined;
    return () => {
      this.making = key === "Escape" ? [] : this.making.slice(0, -1);
      this.draw();
    };
  }

  private choose(polygon: Polygon, by: number): void {
    const count = polygon.points.length;
    this.corner = this.corner === undefined ? (by > 0 ? 0 : count - 1) : (this.corner + by + count) % count;
    this.stage.reveal(polygon.points[this.corner] as Point);
    this.draw();
  }

  private nudge(polygon: Polygon, by: Point): void {
    const { picture } = this.stage;
    const at = this.corner === undefined ? undefined : polygon.points[this.corner];
    if (!at || this.corner === undefined) return this.replace(polygon, move(polygon, by, picture));
    this.reshape(polygon, withCorner(polygon, this.corner, inside({ x: at.x + by.x, y: at.y + by.y }, picture)));
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    return [
      { keys: ">", does: text("key.corner") },
      { keys: "ArrowRight", does: text("key.move") },
      { keys: "Enter", does: text("key.close") },
    ];
  }

  override problem(): string | undefined {
    return this.making.length ? this.context.text("problem.open") : super.problem();
  }
}

const mount: Mount = (context) => new Polygons(context);
export default mount;
