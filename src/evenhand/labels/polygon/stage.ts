/** The picture with its polygons: draws them, and says what is under a pointer. */
import { hue } from "$web/lib/kit";
import { handle, plate, Stage, svg } from "$web/lib/stage";
import type { Point } from "$web/lib/viewport";
import { area, bounds, contains, middles, type Polygon } from "./outline";

export interface Look {
  polygons: readonly Polygon[];
  active: Polygon | undefined;
  /** Which corner of the active one is chosen. */
  corner: number | undefined;
  /** Corners of one in the making, the pointer last; and its label. */
  making: { points: readonly Point[]; label: string } | undefined;
  position(label: string): number;
  name(label: string): string;
}

export class PolygonStage extends Stage {
  private look: Look | undefined;

  draw(look: Look): void {
    this.look = look;
    this.redraw();
  }

  // -- What is under a pointer -------------------------------------------------------------------

  /** Which of these places the pointer is at: the nearest within reach, or -1. */
  placeAt(event: PointerEvent, places: readonly Point[]): number {
    const at = this.inPicture(event);
    let least = this.reach(event);
    return places.reduce((best, { x, y }, i) => {
      const away = Math.hypot(x - at.x, y - at.y);
      if (away > least) return best;
      least = away;
      return i;
    }, -1);
  }

  /** The polygons under the pointer, the smallest first: it is the one that could not be reached otherwise. */
  polygonsAt(event: PointerEvent): Polygon[] {
    const at = this.inPicture(event);
    const under = (this.look?.polygons ?? []).filter((polygon) => contains(polygon, at));
    return under.sort((a, b) => area(a.points) - area(b.points));
  }

  // -- Drawing -----------------------------------------------------------------------------------

  protected paint(): SVGElement[] {
    const { polygons = [], active, making } = this.look ?? {};
    const inOrder = [...polygons].sort((a, b) => Number(a === active) - Number(b === active));
    const drawn = inOrder.map((polygon) => this.drawPolygon(polygon, polygon === active));
    return making ? [...drawn, this.drawMaking(making.points, making.label)] : drawn;
  }

  private path(points: readonly Point[], closed: boolean): string {
    const places = points.map((point) => this.toFrame(point)).map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`);
    return `M${places.join("L")}${closed ? "Z" : ""}`;
  }

  private group(label: string, active: boolean): SVGElement {
    const group = svg("g", { class: active ? "active" : "" });
    group.style.setProperty("--hue", hue(this.look?.position(label) ?? 0));
    return group;
  }

  private drawPolygon({ points, label }: Polygon, active: boolean): SVGElement {
    const group = this.group(label, active);
    const d = this.path(points, true);
    group.append(svg("path", { d, class: "halo" }), svg("path", { d, class: "area" }));
    const { left, top } = bounds(points.map((point) => this.toFrame(point)));
    group.append(...plate(this.look?.name(label) ?? label, left, top));
    if (active) {
      group.append(...middles(points).map((point) => handle(this.toFrame(point), "between")));
      group.append(...points.map((point, i) => handle(this.toFrame(point), i === this.look?.corner ? "chosen" : "")));
    }
    return group;
  }

  private drawMaking(points: readonly Point[], label: string): SVGElement {
    const group = this.group(label, true);
    const d = this.path(points, false);
    group.append(svg("path", { d, class: "halo" }), svg("path", { d, class: "area" }));
    group.append(...points.slice(0, -1).map((point) => handle(this.toFrame(point))));
    return group;
  }
}
