/** The picture with its boxes: draws them, and turns pointers into places of the picture. */
import { hue, make } from "$web/lib/kit";
import { fit, pan, type Point, type Size, toPicture, type View, wheelFactor, zoomAt } from "$web/lib/viewport";
import { type Box, centre, contains, type Handle, HANDLES, turn } from "./geometry";

const SVG = "http://www.w3.org/2000/svg";

/** Half the side of a handle and how far around it a press counts, CSS pixels. */
const HANDLE = 5;
const REACH = { mouse: 8, touch: 20 };

/** Distance of the handle that turns from the upper edge, CSS pixels. */
const STALK = 26;

/** Small pictures are enlarged at most this much when they are fitted. */
const ENLARGED = 4;

export interface Look {
  boxes: readonly Box[];
  active: Box | undefined;
  turnable: boolean;
  position(label: string): number;
  name(label: string): string;
}

function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: { [name: string]: string | number }): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

export class Stage {
  readonly element: HTMLElement;
  private readonly image: HTMLImageElement;
  private readonly layer = svg("svg", { "aria-hidden": "true" });
  private readonly watching: ResizeObserver;
  private look: Look | undefined;
  private view: View | undefined;
  private natural: Size;

  /** `known` is the picture's size as the data says it, until the picture itself is here. */
  constructor(address: string, known: Size | undefined, label: string) {
    this.natural = known ?? { width: 0, height: 0 };
    this.image = make("img", { src: address, alt: "", draggable: "false", onload: () => this.loaded() });
    this.element = make("div", { class: "box-stage", tabindex: 0, role: "group", "aria-label": label }, this.image, this.layer);
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(this.element);
  }

  private loaded(): void {
    this.natural = { width: this.image.naturalWidth, height: this.image.naturalHeight };
    this.redraw();
  }

  get picture(): Size {
    return this.natural;
  }

  private get frame(): Size {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get shown(): View {
    return this.view ?? fit(this.natural, this.frame, ENLARGED);
  }

  // -- View --------------------------------------------------------------------------------------

  zoom(factor: number, at: Point = { x: this.frame.width / 2, y: this.frame.height / 2 }): void {
    this.view = zoomAt(this.shown, factor, at, this.natural, this.frame);
    this.redraw();
  }

  pan(x: number, y: number): void {
    this.view = pan(this.shown, { x, y }, this.natural, this.frame);
    this.redraw();
  }

  fit(): void {
    this.view = undefined;
    this.redraw();
  }

  /** The wheel scrolls the page until the picture is in use; a trackpad's pinch (ctrl) always zooms. */
  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && document.activeElement !== this.element) return;
    event.preventDefault();
    this.zoom(wheelFactor(event), this.inFrame(event));
  }

  inFrame({ clientX, clientY }: MouseEvent): Point {
    const box = this.element.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  inPicture(event: MouseEvent): Point {
    return toPicture(this.shown, this.inFrame(event));
  }

  // -- What is under a pointer -------------------------------------------------------------------

  private reach(event: PointerEvent): number {
    return (event.pointerType === "touch" ? REACH.touch : REACH.mouse) / this.shown.scale;
  }

  /** The handle of the active box under the pointer: one that resizes, or "turn". */
  handleAt(event: PointerEvent): Handle | "turn" | undefined {
    const { active, turnable } = this.look ?? {};
    if (!active) return undefined;
    const at = this.inPicture(event);
    const reach = this.reach(event);
    const isNear = (point: Point) => Math.hypot(point.x - at.x, point.y - at.y) <= reach;
    if (turnable && isNear(this.stalk(active))) return "turn";
    return HANDLES.find((handle) => isNear(this.corner(active, handle)));
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

  draw(look: Look): void {
    this.look = look;
    this.redraw();
  }

  private redraw(): void {
    const { x, y, scale } = this.shown;
    if (this.natural.width) this.element.style.aspectRatio = `${this.natural.width} / ${this.natural.height}`;
    this.image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    const { boxes = [], active } = this.look ?? {};
    const inOrder = [...boxes].sort((a, b) => Number(a === active) - Number(b === active));
    this.layer.replaceChildren(...inOrder.map((box) => this.drawBox(box, box === active)));
  }

  private drawBox(box: Box, active: boolean): SVGElement {
    const { x, y, scale } = this.shown;
    const middle = centre(box);
    const [left, top] = [x + scale * box.x, y + scale * box.y];
    const place = { x: left, y: top, width: scale * box.width, height: scale * box.height };
    const about = `rotate(${box.rotation} ${x + scale * middle.x} ${y + scale * middle.y})`;
    const group = svg("g", { class: active ? "active" : "", transform: about });
    group.style.setProperty("--hue", hue(this.look?.position(box.label) ?? 0));
    group.append(svg("rect", { ...place, class: "halo" }), svg("rect", { ...place, class: "area" }));
    group.append(...plate(this.look?.name(box.label) ?? box.label, left, top));
    if (active) group.append(...this.drawHandles(place));
    return group;
  }

  private drawHandles({ x, y, width, height }: { x: number; y: number; width: number; height: number }): SVGElement[] {
    const square = (cx: number, cy: number) => svg("rect", { class: "handle", x: cx - HANDLE, y: cy - HANDLE, width: 2 * HANDLE, height: 2 * HANDLE, rx: 2 });
    const handles = HANDLES.map((handle) => square(x + ((handle.x + 1) / 2) * width, y + ((handle.y + 1) / 2) * height));
    if (!this.look?.turnable) return handles;
    return [...handles, svg("circle", { class: "handle", cx: x + width / 2, cy: y - STALK, r: HANDLE + 1 })];
  }

  destroy(): void {
    this.watching.disconnect();
  }
}

/** The label's name on a dark plate over the box's corner, or in it at the picture's upper edge. */
function plate(name: string, left: number, top: number): SVGElement[] {
  const shown = name.length > 24 ? `${name.slice(0, 23).toWellFormed()}…` : name;
  const above = top >= 20 ? top - 18 : top;
  const text = svg("text", { x: left + 5, y: above + 12.5 });
  text.textContent = shown;
  return [svg("rect", { class: "plate", x: left - 1, y: above, width: shown.length * 7 + 10, height: 18, rx: 3 }), text];
}
