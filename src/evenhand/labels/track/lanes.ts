/** A lane for each track: when it is there, its keyframes, and where the video plays. Turns pointers into times. */
import { hue, make } from "$web/lib/kit";
import { svg } from "$web/lib/stage";
import { stretches, type Track } from "./path";

/** CSS pixels. */
const LANE = 20;
const REACH = { mouse: 6, touch: 14 };

export interface Look {
  tracks: readonly Track[];
  active: Track | undefined;
  duration: number;
  position(label: string): number;
}

/** What lies under a pointer. */
export interface Found {
  time: number;
  track: Track | undefined;
}

export class Lanes {
  readonly element: HTMLElement;
  private readonly layer = svg("svg", { "aria-hidden": "true" });
  private readonly needle = svg("line", { class: "now" });
  private readonly watching: ResizeObserver;
  private look: Look | undefined;
  private now = 0;

  constructor() {
    this.element = make("div", { class: "lanes", "aria-hidden": "true" }, this.layer);
    this.watching = new ResizeObserver(() => this.redraw());
    this.watching.observe(this.element);
  }

  private x(time: number): number {
    return (time / Math.max(this.look?.duration ?? 0, 0.001)) * this.element.clientWidth;
  }

  /** The track of the lane, and the time: that of its keyframe where one is near. */
  at(event: PointerEvent): Found {
    const box = this.element.getBoundingClientRect();
    const { tracks = [], duration = 0 } = this.look ?? {};
    const across = event.clientX - box.left;
    const track = tracks[Math.floor((event.clientY - box.top + this.element.scrollTop) / LANE)];
    const time = Math.min(Math.max(across / Math.max(this.element.clientWidth, 1), 0), 1) * duration;
    const reach = event.pointerType === "touch" ? REACH.touch : REACH.mouse;
    const near = (track?.keyframes ?? []).map((frame) => ({ time: frame.time, away: Math.abs(this.x(frame.time) - across) }));
    const nearest = near.reduce((best, one) => (one.away < best.away ? one : best), { time, away: reach });
    return { time: nearest.time, track };
  }

  draw(look: Look): void {
    this.look = look;
    this.redraw();
  }

  /** Where it plays; moves the needle alone, for it is called for each picture. */
  point(now: number): void {
    this.now = now;
    const x = this.x(now);
    for (const key of ["x1", "x2"]) this.needle.setAttribute(key, String(x));
  }

  private redraw(): void {
    const { tracks = [], active } = this.look ?? {};
    const height = Math.max(tracks.length, 1) * LANE;
    this.layer.setAttribute("height", String(height));
    this.needle.setAttribute("y2", String(height));
    this.layer.replaceChildren(...tracks.map((track, i) => this.drawLane(track, i * LANE, track === active)), this.needle);
    this.point(this.now);
  }

  private drawLane(track: Track, top: number, active: boolean): SVGElement {
    const { duration = 0, position } = this.look ?? {};
    const group = svg("g", { class: active ? "active" : "" });
    group.style.setProperty("--hue", hue(position?.(track.label) ?? 0));
    group.append(svg("rect", { class: "lane", x: 0, y: top, width: this.element.clientWidth, height: LANE }));
    for (const { from, to } of stretches(track, duration)) {
      group.append(svg("rect", { class: "there", x: this.x(from), y: top + 7, width: Math.max(this.x(to) - this.x(from), 1), height: LANE - 14 }));
    }
    const middle = top + LANE / 2;
    for (const { time, outside } of track.keyframes) {
      const x = this.x(time);
      group.append(svg("path", { class: outside ? "key ends" : "key", d: `M${x} ${middle - 5}l5 5l-5 5l-5-5z` }));
    }
    return group;
  }

  destroy(): void {
    this.watching.disconnect();
  }
}
