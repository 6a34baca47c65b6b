/** The recording as a strip: waveform, ruler, stretches and where it plays. Turns pointers into times. */
import { hue, make } from "$web/lib/kit";
import { HANDLE, plate, svg } from "$web/lib/stage";
import { type Heard, marks, pan, reveal, type Window, zoom } from "./spans";
import { clock } from "$web/lib/times";
import { RATE } from "./sound";

/** Height of the ruler and of the strip over it that shows names, CSS pixels. */
const RULER = 18;
const NAMES = 20;

/** How far around an edge a press counts, CSS pixels. */
const REACH = { mouse: 6, touch: 16 };

/** Marks of the ruler stand this far apart, CSS pixels. */
const APART = 70;

export interface Look {
  spans: readonly Heard[];
  active: Heard | undefined;
  now: number;
  duration: number;
  peaks: Float32Array | undefined;
  position(label: string): number;
  name(label: string): string;
}

export class Track {
  readonly element: HTMLElement;
  private readonly wave = make("canvas", { "aria-hidden": "true" });
  private readonly layer = svg("svg", { "aria-hidden": "true" });
  private readonly watching: ResizeObserver;
  private look: Look | undefined;
  private window: Window | undefined;
  /** What the waveform was last drawn for: it is drawn anew only when that changes. */
  private drawn = "";

  constructor(label: string) {
    this.element = make("div", { class: "track", tabindex: 0, role: "group", "aria-label": label }, this.wave, this.layer);
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(this.element);
  }

  private get duration(): number {
    return this.look?.duration ?? 0;
  }

  get seen(): Window {
    return this.window ?? { from: 0, to: Math.max(this.duration, 0.001) };
  }

  private get width(): number {
    return this.element.clientWidth;
  }

  private x(time: number): number {
    const { from, to } = this.seen;
    return ((time - from) / (to - from)) * this.width;
  }

  // -- View --------------------------------------------------------------------------------------

  zoom(factor: number | undefined, at = (this.seen.from + this.seen.to) / 2): void {
    if (this.duration) this.window = factor === undefined ? undefined : zoom(this.seen, factor, at, this.duration);
    this.redraw();
  }

  /** By CSS pixels. */
  pan(pixels: number): void {
    if (this.window && this.width) this.window = pan(this.seen, (-pixels * (this.seen.to - this.seen.from)) / this.width, this.duration);
    this.redraw();
  }

  reveal(time: number): void {
    if (this.window) this.window = reveal(this.window, time, this.duration);
  }

  /** The wheel scrolls the page until the recording is in use; then it zooms, and sideways it pans. */
  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && document.activeElement !== this.element) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) this.pan(-(event.deltaX || event.deltaY));
    else this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.003), this.timeAt(event));
  }

  // -- What is under a pointer -------------------------------------------------------------------

  /** CSS pixels from the left. */
  across({ clientX }: MouseEvent): number {
    return clientX - this.element.getBoundingClientRect().left;
  }

  timeAt(event: MouseEvent): number {
    const { from, to } = this.seen;
    const time = from + (this.across(event) / Math.max(this.width, 1)) * (to - from);
    return Math.min(Math.max(time, 0), this.duration);
  }

  edgeAt(event: PointerEvent): "start" | "end" | undefined {
    const { active } = this.look ?? {};
    if (!active) return undefined;
    const reach = event.pointerType === "touch" ? REACH.touch : REACH.mouse;
    const away = (time: number) => Math.abs(this.x(time) - this.across(event));
    const nearest = away(active.start) < away(active.end) ? "start" : "end";
    return away(active[nearest]) <= reach ? nearest : undefined;
  }

  /** The stretches under the pointer, the shortest first. */
  spansAt(event: PointerEvent): Heard[] {
    const at = this.timeAt(event);
    const under = (this.look?.spans ?? []).filter(({ start, end }) => start <= at && at < end);
    return under.sort((a, b) => a.end - a.start - (b.end - b.start));
  }

  // -- Drawing -----------------------------------------------------------------------------------

  draw(look: Look): void {
    this.look = look;
    this.redraw();
  }

  private redraw(): void {
    const { look } = this;
    if (!look) return;
    this.drawWave();
    const inOrder = [...look.spans].sort((a, b) => Number(a === look.active) - Number(b === look.active));
    const spans = look.duration ? inOrder.map((span) => this.drawSpan(span, span === look.active)) : [];
    this.layer.replaceChildren(...this.drawRuler(), ...spans, ...(look.duration ? [this.drawNow(look.now)] : []));
  }

  private drawWave(): void {
    const { peaks } = this.look ?? {};
    const [width, height] = [this.width, this.element.clientHeight];
    const { from, to } = this.seen;
    const colour = getComputedStyle(this.wave).color;
    const drawn = [width, height, from, to, colour, peaks?.length].join();
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const sharp = window.devicePixelRatio || 1;
    Object.assign(this.wave, { width: width * sharp, height: height * sharp });
    const context = this.wave.getContext("2d");
    if (!context || !peaks) return;
    context.scale(sharp, sharp);
    context.fillStyle = colour;
    const [middle, half] = [NAMES + (height - NAMES - RULER) / 2, (height - NAMES - RULER) / 2];
    const each = ((to - from) / Math.max(width, 1)) * RATE;
    for (let x = 0; x < width; x += 1) {
      let loud = 0;
      const first = Math.floor(from * RATE + x * each);
      for (let i = first; i < Math.max(first + each, first + 1); i += 1) loud = Math.max(loud, peaks[i] ?? 0);
      const tall = Math.max(loud * half, 0.5);
      context.fillRect(x, middle - tall, 1, 2 * tall);
    }
  }

  private drawRuler(): SVGElement[] {
    if (!this.duration) return [];
    const bottom = this.element.clientHeight;
    return marks(this.seen, Math.max(2, this.width / APART)).flatMap((time) => {
      const x = this.x(time);
      const text = svg("text", { class: "mark", x: x + 4, y: bottom - 5 });
      text.textContent = clock(time).replace(/\.00$/, "");
      return [svg("line", { class: "mark", x1: x, x2: x, y1: bottom - RULER, y2: bottom }), text];
    });
  }

  private drawSpan({ start, end, label }: Heard, active: boolean): SVGElement {
    const [left, right] = [this.x(start), this.x(end)];
    const height = this.element.clientHeight - RULER;
    const group = svg("g", { class: active ? "active" : "" });
    group.style.setProperty("--hue", hue(this.look?.position(label) ?? 0));
    const place = { x: left, y: 1, width: Math.max(right - left, 1), height: height - 2 };
    group.append(svg("rect", { ...place, class: "area" }), ...plate(this.look?.name(label) ?? label, Math.max(left, 1), 1));
    const grip = (x: number) => svg("rect", { class: "handle", x: x - HANDLE / 2, y: height / 2 - 12, width: HANDLE, height: 24, rx: 2 });
    if (active) group.append(grip(left), grip(right));
    return group;
  }

  private drawNow(now: number): SVGElement {
    const x = this.x(now);
    return svg("line", { class: "now", x1: x, x2: x, y1: 0, y2: this.element.clientHeight });
  }

  destroy(): void {
    this.watching.disconnect();
  }
}
