/** The picture with its masks on two canvases: one for the active mask, which is painted on, one for the others. */
import { hue, make } from "$web/lib/kit";
import { plate, Stage, svg } from "$web/lib/stage";
import type { Point, Size } from "$web/lib/viewport";
import { type Mask, type Row, rowsOf } from "./runs";

/** Browsers of telephones refuse canvases of more pixels; larger pictures are painted in coarser ones. */
const MOST_PIXELS = 16_000_000;

export interface Look {
  masks: readonly Mask[];
  active: Mask | undefined;
  position(label: string): number;
  name(label: string): string;
}

export class MaskStage extends Stage {
  private readonly others = make("canvas");
  private readonly active = make("canvas", { class: "active" });
  private look: Look | undefined;
  /** Where the brush is and how large, in the picture. */
  brush: { at: Point; radius: number } | undefined;

  constructor(address: string, known: Size | undefined, label: string) {
    super(address, known, label);
    this.element.lastChild?.before(this.others, this.active);
  }

  draw(look: Look): void {
    this.look = look;
    this.fit();
    for (const canvas of [this.others, this.active]) canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
    for (const mask of look.masks) this.fill(mask === look.active ? this.active : this.others, rowsOf(mask), mask.label);
    this.redraw();
  }

  /** Paints or erases on the active mask, seen at once. */
  put(rows: readonly Row[], label: string, on: boolean): void {
    if (on) return this.fill(this.active, rows, label);
    const { pixels } = this;
    const context = this.active.getContext("2d");
    for (const { y, start, end } of rows) context?.clearRect(start * pixels, y * pixels, (end - start) * pixels, pixels);
  }

  /** Pixels of the canvas for each of the picture: 1, or less for a very large picture. */
  private get pixels(): number {
    const { width, height } = this.picture;
    return Math.min(1, Math.sqrt(MOST_PIXELS / Math.max(1, width * height)));
  }

  private fit(): void {
    const [width, height] = [Math.round(this.picture.width * this.pixels), Math.round(this.picture.height * this.pixels)];
    for (const canvas of [this.others, this.active])
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  private fill(canvas: HTMLCanvasElement, rows: readonly Row[], label: string): void {
    const context = canvas.getContext("2d");
    if (!context) return;
    const { pixels } = this;
    canvas.style.color = hue(this.look?.position(label) ?? 0);
    context.fillStyle = getComputedStyle(canvas).color;
    for (const { y, start, end } of rows) context.fillRect(start * pixels, y * pixels, (end - start) * pixels, pixels);
  }

  protected override arrived(): void {
    if (this.look) this.draw(this.look);
  }

  override redraw(): void {
    super.redraw();
    for (const canvas of [this.others, this.active]) this.place(canvas, this.pixels);
  }

  protected paint(): SVGElement[] {
    const { masks = [] } = this.look ?? {};
    return [...masks.flatMap((mask) => this.drawName(mask)), ...this.drawBrush()];
  }

  /** The label's name where the mask begins. */
  private drawName(mask: Mask): SVGElement[] {
    const first = mask.runs[0] ?? 0;
    const { x, y } = this.toFrame({ x: first % mask.width, y: Math.floor(first / mask.width) });
    return plate(this.look?.name(mask.label) ?? mask.label, x, y);
  }

  private drawBrush(): SVGElement[] {
    if (!this.brush) return [];
    const { x: cx, y: cy } = this.toFrame(this.brush.at);
    const r = Math.max(this.brush.radius * this.shown.scale, 2);
    return [svg("circle", { class: "ring shade", cx, cy, r }), svg("circle", { class: "ring", cx, cy, r })];
  }
}
