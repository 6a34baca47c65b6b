import { arrow, Drawing, drawingTexts, fieldOf, type Stroke } from "$web/lib/drawing";
import { hue, isPlain, toggle } from "$web/lib/kit";
import type { Said } from "$web/lib/pieces";
import { plate, Stage, svg } from "$web/lib/stage";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import { type Keypoint, nextLabel, readPoints, settle, writePoints } from "./points";

export const messages = {
  en: {
    ...drawingTexts.en,
    none: "No such point",
    view: "Picture to set points on. N sets one in the middle, arrow keys move it.",
    list: "Points",
    entry: "{label}, at {x}, {y}{hidden}",
    remove: "Remove {label}, at {x}, {y}",
    new: "New point",
    hidden: "Hidden",
    "entry.hidden": ", hidden",
    "key.move": "Move the point by a pixel (with Shift: ten)",
    "key.hidden": "There, but hidden",
    "problem.none": "Set the points that are asked for, or “No such point”.",
  },
  de: {
    ...drawingTexts.de,
    none: "Kein solcher Punkt",
    view: "Bild für Punkte. N setzt einen in die Mitte, Pfeiltasten verschieben ihn.",
    list: "Punkte",
    entry: "{label}, bei {x}, {y}{hidden}",
    remove: "{label} entfernen, bei {x}, {y}",
    new: "Neuer Punkt",
    hidden: "Verdeckt",
    "entry.hidden": ", verdeckt",
    "key.move": "Punkt um ein Pixel verschieben (mit Umschalt: zehn)",
    "key.hidden": "Vorhanden, aber verdeckt",
    "problem.none": "Setzen Sie die gefragten Punkte, oder „Kein solcher Punkt“.",
  },
};

/** The widget is the picture's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** CSS pixels. */
const DOT = 6;

class PointStage extends Stage {
  points: readonly Keypoint[] = [];
  active: Keypoint | undefined;
  position: (label: string) => number = () => 0;
  name: (label: string) => string = (label) => label;

  /** The points under the pointer, the nearest first. */
  pointsAt(event: PointerEvent): Keypoint[] {
    const at = this.inPicture(event);
    const away = ({ x, y }: Keypoint) => Math.hypot(x - at.x, y - at.y);
    return this.points.filter((point) => away(point) <= this.reach(event)).sort((a, b) => away(a) - away(b));
  }

  protected paint(): SVGElement[] {
    const inOrder = [...this.points].sort((a, b) => Number(a === this.active) - Number(b === this.active));
    return inOrder.map((point) => {
      const { x: cx, y: cy } = this.toFrame(point);
      const active = point === this.active;
      const group = svg("g", { class: active ? "active" : "" });
      group.style.setProperty("--hue", hue(this.position(point.label)));
      const dot = svg("circle", { cx, cy, r: active ? DOT + 2 : DOT, class: "area" });
      dot.style.fillOpacity = point.visible ? "0.9" : "0.05";
      group.append(svg("circle", { cx, cy, r: active ? DOT + 2 : DOT, class: "halo" }), dot, ...plate(this.name(point.label), cx + DOT + 3, cy - DOT));
      return group;
    });
  }
}

class Points extends Drawing<Keypoint, PointStage> {
  private readonly once: boolean;
  private readonly hidden: HTMLButtonElement;

  constructor(context: WidgetContext) {
    super(context, PointStage);
    this.once = context.question.config["once"] === true;
    this.hidden = toggle(context.text("hidden"), "O", () => this.hide());
    Object.assign(this.stage, { position: this.position, name: this.name });
    this.begin("keypoint");
  }

  protected override tools(): HTMLElement[] {
    return [...super.tools(), this.hidden];
  }

  protected read(value: Json | undefined): Keypoint[] | undefined {
    return readPoints(value, new Set(this.labels.map((label) => label.id)));
  }

  protected write(points: readonly Keypoint[]): Json {
    return writePoints(points);
  }

  protected settle(point: Keypoint): Keypoint {
    return settle(point, this.stage.picture);
  }

  protected show(points: readonly Keypoint[], active: Keypoint | undefined): void {
    Object.assign(this.stage, { points, active });
    this.stage.redraw();
    this.hidden.disabled = !active;
    this.hidden.setAttribute("aria-pressed", String(active?.visible === false));
  }

  protected said({ x, y, visible }: Keypoint): Said {
    const [left, top] = [Math.round(x), Math.round(y)];
    const hidden = visible ? "" : this.context.text("entry.hidden");
    return { brief: `${left}, ${top}${hidden}`, args: { x: left, y: top, hidden } };
  }

  /** Where each label stands for one point, a second one moves the first. */
  private setPoint(at: { x: number; y: number }): void {
    const { picture } = this.stage;
    if (!picture.width) return;
    const taken = this.once ? this.pieces?.find((point) => point.label === this.brush) : undefined;
    this.replace(taken, { ...at, label: this.brush, visible: taken?.visible ?? true });
    if (this.once) this.goOn();
  }

  /** The next point gets the next label, and this one stays active for the keys. */
  private goOn(): void {
    const { active } = this;
    this.brush = nextLabel(this.labels.map((label) => label.id), this.pieces ?? [], this.brush);
    if (active) this.bar.show(this.brush);
  }

  /** Where each label stands for one point, its key goes to that point, or to setting it next. */
  protected override press(label: string): void {
    if (!this.once) return super.press(label);
    const taken = this.pieces?.find((point) => point.label === label);
    if (taken) return this.activate(taken);
    this.active = undefined;
    super.press(label);
  }

  protected add(): void {
    const { middle } = this.stage;
    const near = (this.pieces ?? []).filter((point) => Math.hypot(point.x - middle.x, point.y - middle.y) * this.stage.shown.scale < 40).length;
    const step = (16 / this.stage.shown.scale) * near;
    this.setPoint({ x: middle.x + step, y: middle.y });
    this.focus();
  }

  private hide(): void {
    const { active } = this;
    if (active) this.replace(active, { ...active, visible: !active.visible });
  }

  protected startStroke(event: PointerEvent): Stroke {
    const from = this.stage.inPicture(event);
    const under = this.stage.pointsAt(event);
    const point = this.active && under.includes(this.active) ? this.active : under[0];
    if (!point) return { move: () => undefined, end: (cancelled) => (cancelled ? undefined : this.setPoint(from)) };
    const moved = (by: { x: number; y: number }) => settle({ ...point, x: point.x + by.x, y: point.y + by.y }, this.stage.picture);
    if (point === this.active) return this.drag(point, from, under, moved);
    this.activate(point);
    return this.far(from, this.change(point, (at) => moved({ x: at.x - from.x, y: at.y - from.y })), () => undefined);
  }

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    if (!active) return undefined;
    const by = arrow(event);
    if (by) return () => this.replace(active, { ...active, x: active.x + by.x, y: active.y + by.y });
    return isPlain(event, "o") ? () => this.hide() : undefined;
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    return [{ keys: "ArrowRight", does: text("key.move") }, { keys: "O", does: text("key.hidden") }];
  }
}

const mount: Mount = (context) => new Points(context);
export default mount;
