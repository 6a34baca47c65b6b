/** What widgets share that draw labelled pieces on a picture: strokes of a pointer, zoom and pan. */
import type { Question, WidgetContext } from "../widget";
import { make } from "./kit";
import { ownMedium } from "./media";
import { type Piece, Pieces, pieceTexts } from "./pieces";
import type { Stage } from "./stage";
import type { Point, Size } from "./viewport";

export const drawingTexts = {
  en: { ...pieceTexts.en, missing: "This picture is not here." },
  de: { ...pieceTexts.de, missing: "Dieses Bild ist nicht vorhanden." },
};

export const fieldOf = ({ config }: Question) => String(config["field"] ?? "");

/** A stroke shorter than this is a press, CSS pixels. */
const PRESS = 4;

/** What a pointer does between press and release; `cancelled` when the browser took it away. */
export interface Stroke {
  move(at: Point, event: PointerEvent): void;
  end(cancelled: boolean): void;
}

export abstract class Drawing<T extends Piece, S extends Stage> extends Pieces<T> {
  protected readonly stage: S;
  private readonly fingers = new Map<number, Point>();
  private stroke: Stroke | undefined;

  constructor(context: WidgetContext, kind: new (address: string, known: Size | undefined, label: string) => S) {
    super(context);
    const { question, data, text, media } = context;
    const medium = ownMedium(data[fieldOf(question)]);
    const known = medium?.width && medium.height ? { width: medium.width, height: medium.height } : undefined;
    this.stage = new kind(media(fieldOf(question)), known, text("view"));
    this.listen();
  }

  /** What the pointer that was just pressed begins. */
  protected abstract startStroke(event: PointerEvent): Stroke;

  protected override begin(kind: string, ...view: (HTMLElement | undefined)[]): void {
    const { media, question, text } = this.context;
    const missing = media(fieldOf(question)) ? undefined : make("p", { class: "hint" }, text("missing"));
    super.begin(kind, missing, this.stage.element, ...view);
  }

  protected zoom(factor: number | undefined): void {
    this.stage.zoom(factor);
  }

  focus(): void {
    this.stage.element.focus({ preventScroll: true });
  }

  override destroy(): void {
    this.stage.destroy();
    super.destroy();
  }

  // -- Pointer -----------------------------------------------------------------------------------

  private listen(): void {
    const { element } = this.stage;
    element.classList.toggle("readonly", this.context.readonly);
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

  private moved(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.stage.inFrame(event);
    this.fingers.set(event.pointerId, now);
    if (this.stroke) return this.stroke.move(this.stage.inPicture(event), event);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return this.stage.pan(now.x - before.x, now.y - before.y);
    const far = (point: Point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.stage.zoom(far(now) / far(before), other);
    this.stage.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const { stroke } = this;
    this.stroke = undefined;
    stroke?.end(event.type === "pointercancel");
  }

  /** Shows a piece in the making, without an answer yet. */
  protected sketch(before: T | undefined, after: T): void {
    const rest = (this.pieces ?? []).filter((piece) => piece !== before);
    this.show([...rest, after], after);
  }

  /** Changes a piece with the pointer; it becomes an answer when the pointer lets go. */
  protected change(before: T, change: (at: Point) => T): Stroke {
    let after: T | undefined;
    return {
      move: (at) => this.sketch(before, (after = change(at))),
      end: (cancelled) => (after && !cancelled ? this.replace(before, after) : this.draw()),
    };
  }

  /** Drags the active piece; a mere press takes the next of those that lie under each other. */
  protected drag(piece: T, from: Point, under: T[], change: (by: Point) => T): Stroke {
    const dragging = this.change(piece, (at) => change({ x: at.x - from.x, y: at.y - from.y }));
    return this.far(from, dragging, () => this.activate(under[(under.indexOf(piece) + 1) % under.length]));
  }

  /** A stroke that counts only once it has gone some way; until then it is a press. */
  protected far(from: Point, stroke: Stroke, press: () => void): Stroke {
    let far = false;
    return {
      move: (at, event) => {
        far ||= this.isFar(from, at);
        if (far) stroke.move(at, event);
      },
      end: (cancelled) => {
        if (far) stroke.end(cancelled);
        else if (!cancelled) press();
      },
    };
  }

  protected isFar(a: Point, b: Point): boolean {
    return Math.hypot(a.x - b.x, a.y - b.y) * this.stage.shown.scale >= PRESS;
  }
}

/** How far an arrow key moves something: a pixel, with Shift ten; undefined for other keys. */
export function arrow({ key, shiftKey }: KeyboardEvent): Point | undefined {
  const far = shiftKey ? 10 : 1;
  const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[key];
  return by && { x: by[0] ?? 0, y: by[1] ?? 0 };
}
