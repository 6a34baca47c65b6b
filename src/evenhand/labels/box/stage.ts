/** The picture with its boxes: draws them, and says what is under a pointer. */
import { hue } from "$web/lib/kit";
import { handle, HANDLE, plate, Stage, svg } from "$web/lib/stage";
import type { Point } from "$web/lib/viewport";
import { type Box, centre, contains, type Handle, HANDLES, turn } from "./geometry";

/** Distance of the handle that turns from the upper edge, CSS pixels. */
const STALK = 26;

export interface Look {
  boxes: readonly Box[];
  active: Box | undefined;
  turnable: boolean;
  position(label: string): number;
  name(label: string): string;
}

export class BoxStage extends Stage {
  private look: Look | undefined;

  draw(look: Look): void {
    this.look = look;
    this.redraw();
  }

  // -- What is under a pointer -------------------------------------------------------------------

  /** The handle of the active box under the pointer: one that resizes, or "turn". */
  handleAt(event: PointerEvent): Handle | "turn" | undefined {
    const { active, turnable } = this.look ?? {};
    if (!active) return undefined;
    const at = this.inPicture(event);
    const reach = this.reach(event);
    const isNear = (point: Point) => Math.hypot(point.x - at.x, point.y - at.y) <= reach;
    if (turnable && isNear(this.stalk(active))) return "turn";
    return HANDLES.find((one) => isNear(this.corner(active, one)));
  }

  /** The boxes under the pointer, the smallest first: it is the one that could not be reached otherwise. */
  boxesAt(event: PointerEvent): Box[] {
    const at = this.inPicture(event);
    const under = (this.look?.boxes ?? []).filter((box) => contains(box, at, this.reach(event) / 2));
    return under.sort((a, b) => a.width * a.height - b.width * b.height);
  }

  private corner(box: Box, { x, y }: Handle): Point {
    const middle = centre(box);
    return turn({ x: middle.x + (x * box.width) / 2, y: middle.y + (y * box.height) / 2 }, middle, box.rotation);
  }

  private stalk(box: Box): Point {
    const middle = centre(box);
    return turn({ x: middle.x, y: box.y - STALK / this.shown.scale }, middle, box.rotation);
  }

  // -- Drawing -----------------------------------------------------------------------------------

  protected paint(): SVGElement[] {
    const { boxes = [], active } = this.look ?? {};
    const inOrder = [...boxes].sort((a, b) => Number(a === active) - Number(b === active));
    return inOrder.map((box) => this.drawBox(box, box === active));
  }

  private drawBox(box: Box, active: boolean): SVGElement {
    const { scale } = this.shown;
    const middle = this.toFrame(centre(box));
    const corner = this.toFrame(box);
    const place = { ...corner, width: scale * box.width, height: scale * box.height };
    const group = svg("g", { class: active ? "active" : "", transform: `rotate(${box.rotation} ${middle.x} ${middle.y})` });
    group.style.setProperty("--hue", hue(this.look?.position(box.label) ?? 0));
    group.append(svg("rect", { ...place, class: "halo" }), svg("rect", { ...place, class: "area" }));
    group.append(...plate(this.look?.name(box.label) ?? box.label, corner.x, corner.y));
    if (active) group.append(...this.drawHandles(place));
    return group;
  }

  private drawHandles({ x, y, width, height }: { x: number; y: number; width: number; height: number }): SVGElement[] {
    const handles = HANDLES.map((one) => handle({ x: x + ((one.x + 1) / 2) * width, y: y + ((one.y + 1) / 2) * height }));
    if (!this.look?.turnable) return handles;
    return [...handles, svg("circle", { class: "handle", cx: x + width / 2, cy: y - STALK, r: HANDLE + 1 })];
  }
}
