/** A picture to draw on: zooms and pans it, and turns pointers into places of the picture. */
import { adopt, make } from "./kit";
import css from "./drawing.css?inline";
import { fit, pan, type Point, type Size, toPicture, type View, wheelFactor, zoomAt } from "./viewport";

const SVG = "http://www.w3.org/2000/svg";

/** Half the side of a handle and how far around it a press counts, CSS pixels. */
export const HANDLE = 5;
const REACH = { mouse: 8, touch: 20 };

/** Small pictures are enlarged at most this much when they are fitted. */
const ENLARGED = 4;

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: { [name: string]: string | number }): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** A square to pull, with its middle here. */
export function handle({ x, y }: Point, kind = ""): SVGElement {
  return svg("rect", { class: `handle ${kind}`, x: x - HANDLE, y: y - HANDLE, width: 2 * HANDLE, height: 2 * HANDLE, rx: 2 });
}

/** A label's name on a dark plate over a corner, or in it at the picture's upper edge. */
export function plate(name: string, left: number, top: number): SVGElement[] {
  const shown = name.length > 24 ? `${name.slice(0, 23).toWellFormed()}…` : name;
  const above = top >= 20 ? top - 18 : top;
  const text = svg("text", { x: left + 5, y: above + 12.5 });
  text.textContent = shown;
  return [svg("rect", { class: "plate", x: left - 1, y: above, width: shown.length * 8 + 10, height: 18, rx: 3 }), text];
}

export abstract class Stage {
  readonly element: HTMLElement;
  private readonly image: HTMLElement;
  private readonly layer = svg("svg", { "aria-hidden": "true" });
  private readonly watching: ResizeObserver;
  private view: View | undefined;
  private natural: Size;

  /** `known` is the picture's size as the data says it, until the picture itself is here. */
  constructor(address: string, known: Size | undefined, label: string) {
    adopt(css);
    this.natural = known ?? { width: 0, height: 0 };
    this.image = this.picturing(address);
    this.element = make("div", { class: "stage", tabindex: 0, role: "group", "aria-label": label }, this.image, this.layer);
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(this.element);
  }

  /** What lies over the picture, in places of the window. */
  protected abstract paint(): SVGElement[];

  /** Puts the picture, or what lies over it, where the view shows it; `pixels` of its own stand for one of the picture. */
  protected place(element: HTMLElement, pixels = 1): void {
    const { x, y, scale } = this.shown;
    element.style.transform = `translate(${x}px, ${y}px) scale(${scale / pixels})`;
  }

  /** The element that shows the picture; it says `loaded` when its size is known. Called before all else. */
  protected picturing(address: string): HTMLElement {
    return make("img", { src: address, alt: "", draggable: "false", onload: () => this.loaded() });
  }

  /** The picture's size, once it is loaded. */
  protected sizeOf(): Size {
    const { naturalWidth: width, naturalHeight: height } = this.image as HTMLImageElement;
    return { width, height };
  }

  protected loaded(): void {
    this.natural = this.sizeOf();
    this.arrived();
  }

  /** The picture is here, and its size is known. */
  protected arrived(): void {
    this.redraw();
  }

  get picture(): Size {
    return this.natural;
  }

  get frame(): Size {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get shown(): View {
    return this.view ?? fit(this.natural, this.frame, ENLARGED);
  }

  /** Where a place of the picture stands in the window. */
  protected toFrame({ x, y }: Point): Point {
    const { shown } = this;
    return { x: shown.x + shown.scale * x, y: shown.y + shown.scale * y };
  }

  redraw(): void {
    if (this.natural.width) this.element.style.aspectRatio = `${this.natural.width} / ${this.natural.height}`;
    this.place(this.image);
    this.layer.replaceChildren(...this.paint());
  }

  // -- View --------------------------------------------------------------------------------------

  /** Undefined fits the whole picture in. */
  zoom(factor: number | undefined, at: Point = { x: this.frame.width / 2, y: this.frame.height / 2 }): void {
    this.view = factor === undefined ? undefined : zoomAt(this.shown, factor, at, this.natural, this.frame);
    this.redraw();
  }

  pan(x: number, y: number): void {
    this.view = pan(this.shown, { x, y }, this.natural, this.frame);
    this.redraw();
  }

  /** Moves the picture, if need be, so that this place of it is seen. */
  reveal(place: Point): void {
    const { x, y } = this.toFrame(place);
    const out = (at: number, room: number) => (at < 0 ? -at + room / 4 : at > room ? room - at - room / 4 : 0);
    const [dx, dy] = [out(x, this.frame.width), out(y, this.frame.height)];
    if (dx || dy) this.pan(dx, dy);
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

  /** The middle of what is seen, as a place of the picture. */
  get middle(): Point {
    return toPicture(this.shown, { x: this.frame.width / 2, y: this.frame.height / 2 });
  }

  /** How far around a place a press counts, pixels of the picture. */
  reach(event: PointerEvent): number {
    return (event.pointerType === "touch" ? REACH.touch : REACH.mouse) / this.shown.scale;
  }

  destroy(): void {
    this.watching.disconnect();
  }
}
