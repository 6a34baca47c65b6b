/** Boxes as arithmetic. Pixels of the picture after EXIF orientation; angles in degrees clockwise. */
import type { Point, Size } from "$web/lib/viewport";
import type { Json } from "$web/widget";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Id of the label. */
  label: string;
  /** About the centre, 0 up to 360. */
  rotation: number;
}

/** Which edges a handle moves: -1 the left or upper, 1 the right or lower, 0 neither. */
export interface Handle {
  x: -1 | 0 | 1;
  y: -1 | 0 | 1;
}

export const HANDLES: readonly Handle[] = ([-1, 0, 1] as const).flatMap((y) =>
  ([-1, 0, 1] as const).filter((x) => x !== 0 || y !== 0).map((x) => ({ x, y })),
);

/** Answers carry two decimals. */
const round = (value: number) => Math.round(value * 100) / 100;

export const centre = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });

/** The point turned about another. */
export function turn(point: Point, about: Point, degrees: number): Point {
  const angle = (degrees * Math.PI) / 180;
  const [dx, dy] = [point.x - about.x, point.y - about.y];
  return { x: about.x + dx * Math.cos(angle) - dy * Math.sin(angle), y: about.y + dx * Math.sin(angle) + dy * Math.cos(angle) };
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), Math.max(low, high));

/** The box between two points, inside the picture, whichever way it was drawn. */
export function between(a: Point, b: Point, picture: Size, label: string): Box {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)].map((x) => clamp(x, 0, picture.width)) as [number, number];
  const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)].map((y) => clamp(y, 0, picture.height)) as [number, number];
  return { x: left, y: top, width: right - left, height: bottom - top, label, rotation: 0 };
}

/** The box moved by this much, as far as the picture allows: upright ones as a whole, turned ones by their centre. */
export function move(box: Box, by: Point, picture: Size): Box {
  const [marginX, marginY] = box.rotation ? [box.width / 2, box.height / 2] : [0, 0];
  return {
    ...box,
    x: clamp(box.x + by.x, 0 - marginX, picture.width - box.width + marginX),
    y: clamp(box.y + by.y, 0 - marginY, picture.height - box.height + marginY),
  };
}

/** The box with the handle's edges brought to a point of the picture; the opposite edges stay where they are. */
export function resize(box: Box, handle: Handle, to: Point, picture: Size, least: number): Box {
  const middle = centre(box);
  const target = turn(box.rotation ? to : { x: clamp(to.x, 0, picture.width), y: clamp(to.y, 0, picture.height) }, middle, -box.rotation);
  const [x, width] = stretch(box.x, box.width, handle.x, target.x, least);
  const [y, height] = stretch(box.y, box.height, handle.y, target.y, least);
  const next = { ...box, x, y, width, height };
  // A turned box turns about its centre, which has moved: shift it so that the fixed edges stay in place.
  const shifted = turn(centre(next), middle, box.rotation);
  return box.rotation ? { ...next, x: shifted.x - width / 2, y: shifted.y - height / 2 } : next;
}

function stretch(from: number, length: number, side: -1 | 0 | 1, to: number, least: number): [number, number] {
  if (side > 0) return [from, Math.max(least, to - from)];
  if (side === 0) return [from, length];
  const start = Math.min(to, from + length - least);
  return [start, from + length - start];
}

/** The box turned to this angle, 0 up to 360. */
export function rotate(box: Box, degrees: number): Box {
  return { ...box, rotation: ((degrees % 360) + 360) % 360 };
}

/** Whether the point lies in the box, or this close to it. */
export function contains(box: Box, point: Point, reach = 0): boolean {
  const { x, y } = turn(point, centre(box), -box.rotation);
  return x >= box.x - reach && x <= box.x + box.width + reach && y >= box.y - reach && y <= box.y + box.height + reach;
}

/** Two decimals, and still inside after rounding; as it goes into an answer. */
export function settle(box: Box, picture: Size): Box {
  const [x, y] = [round(box.x), round(box.y)];
  const rotation = round(box.rotation) % 360;
  const [width, height] = [round(box.width), round(box.height)];
  if (rotation) return { ...box, x, y, width, height, rotation };
  return { ...box, x, y, width: round(Math.min(width, picture.width - x)), height: round(Math.min(height, picture.height - y)), rotation };
}

/** The answer; rotation only where there is one. */
export function writeBoxes(boxes: readonly Box[]): { [key: string]: Json }[] {
  return boxes.map(({ rotation, ...box }) => (rotation ? { ...box, rotation } : box));
}

/** The boxes of an answer or draft; undefined when it is no list. What cannot be drawn is dropped. */
export function readBoxes(value: Json | undefined, labels: ReadonlySet<string>, turned: boolean): Box[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readBox(entry, labels, turned) ?? []) : undefined;
}

function readBox(entry: Json, labels: ReadonlySet<string>, turned: boolean): Box | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { x, y, width, height, label, rotation = 0 } = entry;
  const numbers = [x, y, width, height, rotation];
  if (!numbers.every((number): number is number => typeof number === "number" && Number.isFinite(number))) return undefined;
  const [left = 0, top = 0, wide = 0, high = 0, angle = 0] = numbers;
  if (typeof label !== "string" || !labels.has(label) || wide <= 0 || high <= 0 || (angle && !turned)) return undefined;
  return rotate({ x: left, y: top, width: wide, height: high, label, rotation: 0 }, angle);
}
