/** Polygons as arithmetic. Pixels of the picture after EXIF orientation. */
import type { Point, Size } from "$web/lib/viewport";
import type { Json } from "$web/widget";

export interface Polygon {
  /** Corners in their order; the first is not repeated. */
  points: readonly Point[];
  /** Id of the label. */
  label: string;
}

/** Corners that one polygon can have. */
export const MOST = 1000;

/** Answers carry two decimals. */
const round = (value: number) => Math.round(value * 100) / 100;
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), Math.max(low, high));

export const inside = ({ x, y }: Point, picture: Size): Point => ({ x: clamp(x, 0, picture.width), y: clamp(y, 0, picture.height) });

export const between = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

/** The corner after this one, round and round. */
const next = (points: readonly Point[], i: number): Point => points[(i + 1) % points.length] as Point;

/** The middle of the edge that follows each corner. */
export const middles = (points: readonly Point[]): Point[] => points.map((point, i) => between(point, next(points, i)));

/** Left, top, right and bottom of the upright box around the corners. */
export function bounds(points: readonly Point[]): { left: number; top: number; right: number; bottom: number } {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Area between the corners, by Gauss's formula; parts that the outline goes round the other way count against it. */
export function area(points: readonly Point[]): number {
  return Math.abs(points.reduce((sum, { x, y }, i) => sum + x * next(points, i).y - y * next(points, i).x, 0)) / 2;
}

/** Whether the point lies inside, by the even-odd rule. */
export function contains({ points }: Polygon, { x, y }: Point): boolean {
  return points.reduce((odd, a, i) => {
    const b = next(points, i);
    const crosses = a.y > y !== b.y > y && x < a.x + ((b.x - a.x) * (y - a.y)) / (b.y - a.y);
    return crosses ? !odd : odd;
  }, false);
}

/** The polygon moved as a whole, as far as the picture allows. */
export function move(polygon: Polygon, by: Point, picture: Size): Polygon {
  const { left, top, right, bottom } = bounds(polygon.points);
  const [dx, dy] = [clamp(by.x, -left, picture.width - right), clamp(by.y, -top, picture.height - bottom)];
  return { ...polygon, points: polygon.points.map(({ x, y }) => ({ x: x + dx, y: y + dy })) };
}

export function withCorner(polygon: Polygon, i: number, at: Point): Polygon {
  return { ...polygon, points: polygon.points.map((point, j) => (j === i ? at : point)) };
}

/** A new corner after the i-th. */
export function insertCorner(polygon: Polygon, i: number, at: Point): Polygon {
  return { ...polygon, points: polygon.points.toSpliced(i + 1, 0, at) };
}

export function withoutCorner(polygon: Polygon, i: number): Polygon {
  return { ...polygon, points: polygon.points.toSpliced(i, 1) };
}

/**
 * A line with fewer points, none of which was farther away from it than this (Ramer 1972,
 * 10.1016/S0146-664X(72)80017-0; Douglas, Peucker 1973, 10.3138/FM57-6770-U75U-7727).
 */
export function simplify(points: readonly Point[], tolerance: number): Point[] {
  const kept = new Set([0, points.length - 1]);
  const parts: [number, number][] = [[0, points.length - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    let farthest = -1;
    let most = tolerance;
    for (let i = from + 1; i < to; i += 1) {
      const away = distance(points[i] as Point, points[from] as Point, points[to] as Point);
      if (away > most) [most, farthest] = [away, i];
    }
    if (farthest < 0) continue;
    kept.add(farthest);
    parts.push([from, farthest], [farthest, to]);
  }
  return points.filter((_, i) => kept.has(i));
}

/** How far a point is from the stretch between two others. */
function distance(point: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length ? clamp(((point.x - a.x) * dx + (point.y - a.y) * dy) / length, 0, 1) : 0;
  return Math.hypot(point.x - a.x - along * dx, point.y - a.y - along * dy);
}

/** Whether an answer may hold it: three corners that do not lie on one line, and not too many. */
export function isSound({ points }: Polygon): boolean {
  const [first] = points;
  if (!first || points.length < 3 || points.length > MOST) return false;
  const far = points.reduce((best, p) => (Math.abs(p.x - first.x) + Math.abs(p.y - first.y) > Math.abs(best.x - first.x) + Math.abs(best.y - first.y) ? p : best), first);
  return points.some((p) => Math.abs((far.x - first.x) * (p.y - first.y) - (far.y - first.y) * (p.x - first.x)) >= 1e-6);
}

/** Two decimals, inside, and without corners that fall together; as it goes into an answer. */
export function settle(polygon: Polygon, picture: Size): Polygon {
  const rounded = polygon.points.map((point) => inside({ x: round(point.x), y: round(point.y) }, picture));
  const apart = rounded.filter((point, i) => i === 0 || !same(point, rounded[i - 1] as Point));
  const closed = apart.length > 1 && same(apart[0] as Point, apart[apart.length - 1] as Point);
  return { ...polygon, points: closed ? apart.slice(0, -1) : apart };
}

const same = (a: Point, b: Point) => a.x === b.x && a.y === b.y;

export function writePolygons(polygons: readonly Polygon[]): { [key: string]: Json }[] {
  return polygons.map(({ points, label }) => ({ points: points.map(({ x, y }) => [x, y]), label }));
}

/** The polygons of an answer or draft; undefined when it is no list. What cannot be drawn is dropped. */
export function readPolygons(value: Json | undefined, labels: ReadonlySet<string>): Polygon[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readPolygon(entry, labels) ?? []) : undefined;
}

function readPolygon(entry: Json, labels: ReadonlySet<string>): Polygon | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { points, label } = entry;
  if (typeof label !== "string" || !labels.has(label) || !Array.isArray(points)) return undefined;
  const read = points.flatMap((point) => readPoint(point) ?? []);
  const polygon = { points: read, label };
  return read.length === points.length && isSound(polygon) ? polygon : undefined;
}

function readPoint(point: Json): Point | undefined {
  if (!Array.isArray(point) || point.length !== 2) return undefined;
  const [x, y] = point;
  return typeof x === "number" && typeof y === "number" && Number.isFinite(x) && Number.isFinite(y) ? { x, y } : undefined;
}
