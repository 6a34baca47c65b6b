/**
 * Relations drawn over a text: lines that run in the gaps between its lines and down its margin, never across words.
 *
 * Where an arc lies is arithmetic on the places of its ends (`route`); `Arcs` draws them.
 */
import { make } from "$web/lib/kit";

/** Where an end of a relation stands: its first line, in CSS pixels from the top left of the sheet. */
export interface End {
  left: number;
  right: number;
  /** Upper edge of the words. */
  top: number;
}

export interface Sheet {
  /** Room above a line of text, pixels. */
  gap: number;
  /** Where the margin touches the text: lines between lines of text run beside it, away from the text. */
  margin: number;
  /** Away from the text: -1 to the left, 1 to the right. */
  away: 1 | -1;
}

type Point = readonly [x: number, y: number];

export interface Arc {
  points: Point[];
  /** Its longest run in a gap, for its name: both ends, and how high it lies. */
  run: { from: number; to: number; y: number };
}

/** Pixels between two arcs beside each other, and between the two lowest and the words. */
const STEP = 5;
const LOWEST = 6;
/** Arcs beside each other in the margin; further ones share. */
const BESIDE = 5;
/** Pixels between two arcs that end at one span. */
const SPREAD = 7;

/** Where each pair's arc runs: up from the words, along the gap, and down again or through the margin. */
export function route(pairs: readonly (readonly [End, End])[], sheet: Sheet): Arc[] {
  const feet = spread(pairs);
  const runs = feet.flatMap(([from, to], i) => runsOf(i, from, to, sheet));
  const most = Math.max(1, Math.floor((sheet.gap - LOWEST) / STEP) + 1);
  const level = lanes(runs, (run) => run.line, most);
  const columns = lanes(
    feet.flatMap(([from, to], i) => (from[1] === to[1] ? [] : [{ arc: i, line: 0, from: Math.min(from[1], to[1]) - sheet.gap, to: Math.max(from[1], to[1]) }])),
    (run) => run.line,
    BESIDE,
  );
  return feet.map(([from, to], i) => {
    const up = (top: number) => top - LOWEST - (level.get(`${i} ${top}`) ?? 0) * STEP;
    if (from[1] === to[1]) {
      const y = up(from[1]);
      return { points: [from, [from[0], y], [to[0], y], to], run: { from: from[0], to: to[0], y } };
    }
    const x = sheet.margin + sheet.away * (3 + (columns.get(`${i} 0`) ?? 0) * STEP);
    const [y, z] = [up(from[1]), up(to[1])];
    const run = Math.abs(from[0] - x) >= Math.abs(to[0] - x) ? { from: from[0], to: x, y } : { from: to[0], to: x, y: z };
    return { points: [from, [from[0], y], [x, y], [x, z], [to[0], z], to], run };
  });
}

/** The points where arcs leave the words: at one span beside each other, those that go left on the left. */
function spread(pairs: readonly (readonly [End, End])[]): [Point, Point][] {
  const feet = pairs.map(() => [[0, 0], [0, 0]] as [Point, Point]);
  const ends = pairs.flatMap(([from, to], i) => [
    { i, side: 0 as const, end: from, other: to },
    { i, side: 1 as const, end: to, other: from },
  ]);
  for (const end of new Set(ends.map((one) => one.end))) {
    const here = ends.filter((one) => one.end === end).sort((a, b) => a.other.top - b.other.top || a.other.left - b.other.left || a.i - b.i);
    const step = Math.min(SPREAD, (end.right - end.left) / (here.length + 1));
    here.forEach(({ i, side }, n) => {
      const foot = feet[i];
      if (foot) foot[side] = [(end.left + end.right) / 2 + (n - (here.length - 1) / 2) * step, end.top];
    });
  }
  return feet;
}

/** A stretch of an arc in the gap above a line, or in the margin. */
interface Run {
  arc: number;
  /** Which gap. */
  line: number;
  from: number;
  to: number;
}

function runsOf(arc: number, from: Point, to: Point, { margin }: Sheet): Run[] {
  const run = (line: number, a: number, b: number): Run => ({ arc, line, from: Math.min(a, b), to: Math.max(a, b) });
  return from[1] === to[1] ? [run(from[1], from[0], to[0])] : [run(from[1], from[0], margin), run(to[1], to[0], margin)];
}

/** A lane for each run ("arc line" -> lane): the short ones nearest to the words, none over another while there is room. */
function lanes(runs: readonly Run[], of: (run: Run) => number, most: number): Map<string, number> {
  const found = new Map<string, number>();
  const taken = new Map<number, Run[][]>();
  for (const run of [...runs].sort((a, b) => a.to - a.from - (b.to - b.from) || a.arc - b.arc)) {
    const own = taken.get(of(run)) ?? [];
    taken.set(of(run), own);
    const free = own.findIndex((lane) => lane.every((other) => run.to + 2 < other.from || other.to + 2 < run.from));
    const lane = (free < 0 ? own.length : free) % most;
    (own[lane] ??= []).push(run);
    found.set(`${run.arc} ${run.line}`, lane);
  }
  return found;
}

/** A path along these points with round corners. */
export function path(points: readonly Point[], radius = 5): string {
  const parts = points.map((point, i) => {
    const [before, after] = [points[i - 1], points[i + 1]];
    if (!before || !after) return `${i ? "L" : "M"}${point[0]} ${point[1]}`;
    const [a, b] = [towards(point, before, radius), towards(point, after, radius)];
    return `L${a[0]} ${a[1]}Q${point[0]} ${point[1]} ${b[0]} ${b[1]}`;
  });
  return parts.join("");
}

function towards(from: Point, to: Point, most: number): Point {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const share = length ? Math.min(most, length / 2) / length : 0;
  return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
}

/** What of an arc is drawn. */
export interface Drawn {
  from: End;
  to: End;
  name: string;
  hue: string;
  directed: boolean;
  /** It is picked, or begins or ends at what is. */
  strong: boolean;
}

const SVG = "http://www.w3.org/2000/svg";

function shape(tag: string, attributes: { [name: string]: string | number }, ...children: (Element | string)[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export class Arcs {
  readonly element = shape("svg", { class: "span-arcs", "aria-hidden": "true" });

  /** Draws these; `onpick` hears of a press on one, by its position. */
  draw(drawn: readonly Drawn[], sheet: Sheet, onpick: (at: number) => void): void {
    const arcs = route(drawn.map(({ from, to }) => [from, to] as const), sheet);
    const named: DOMRect[] = [];
    // What is strong is drawn last, over the others, and gets its name first.
    const order = drawn.map((_, i) => i).sort((a, b) => Number(drawn[b]?.strong) - Number(drawn[a]?.strong) || a - b);
    const groups = order.map((i) => this.group(drawn[i] as Drawn, arcs[i] as Arc, sheet, named, () => onpick(i)));
    this.element.replaceChildren(...groups.reverse());
  }

  private group(one: Drawn, arc: Arc, sheet: Sheet, named: DOMRect[], onclick: () => void): SVGElement {
    const line = path(arc.points);
    const [x, y] = arc.points[arc.points.length - 1] ?? [0, 0];
    const head = one.directed ? [shape("path", { class: "head", d: `M${x} ${y}l-3.5 -5h7z` })] : [];
    const group = shape("g", { class: one.strong ? "strong" : "" }, shape("path", { class: "hit", d: line }), shape("path", { class: "line", d: line }), ...head);
    const name = this.name(one, arc.run, sheet, named);
    if (name) group.append(name);
    group.style.setProperty("--hue", one.hue);
    group.addEventListener("click", onclick);
    return group;
  }

  /** The name on the arc, or behind it where it is too short; only where there is room, but of a strong one always. */
  private name({ name, strong }: Drawn, { from, to, y }: Arc["run"], sheet: Sheet, named: DOMRect[]): SVGElement | undefined {
    const short = name.length > 18 ? `${name.slice(0, 17).toWellFormed()}…` : name;
    const width = short.length * 6 + 6; // pixels, a little more than it takes
    const isLong = Math.abs(to - from) > width + 10;
    const inner = sheet.away < 0 ? Math.max(from, to) : Math.min(from, to);
    const x = isLong ? (from + to) / 2 : inner - sheet.away * (width / 2 + 2);
    const box = new DOMRect(x - width / 2, y - 7, width, 14);
    const isFree = named.every((other) => box.right < other.left || other.right < box.left || box.bottom < other.top || other.bottom < box.top);
    if (!isFree && !strong) return undefined;
    named.push(box);
    return shape("text", { x, y: y + 3.5, "text-anchor": "middle" }, short);
  }
}

/** A sheet that holds a text and the arcs over it. */
export function makeSheet(text: HTMLElement, arcs: Arcs): HTMLElement {
  const sheet = make("div", { class: "span-sheet" }, text);
  sheet.append(arcs.element);
  return sheet;
}
