/** Masks as arithmetic: a byte for each pixel while one paints, runs in the answer. */
import type { Point, Size } from "$web/lib/viewport";
import type { Json } from "$web/widget";

export interface Mask extends Size {
  /** Id of the label. */
  label: string;
  /** Lengths of alternating runs, off first, row by row from the top left; only the first may be 0. */
  runs: readonly number[];
}

/** A stretch of one row of pixels, end excluded. */
export interface Row {
  y: number;
  start: number;
  end: number;
}

/** 1 for each pixel that is on. */
export function decode({ runs, width, height }: Mask): Uint8Array {
  const bits = new Uint8Array(width * height);
  let at = 0;
  runs.forEach((run, i) => {
    if (i % 2) bits.fill(1, at, at + run);
    at += run;
  });
  return bits;
}

export function encode(bits: Uint8Array): number[] {
  const runs: number[] = [];
  let value = 0;
  let from = 0;
  while (from < bits.length) {
    const found = bits.indexOf(1 - value, from);
    const to = found < 0 ? bits.length : found;
    runs.push(to - from);
    value = 1 - value;
    from = to;
  }
  return runs;
}

/** What is on, row by row. */
export function rowsOf({ runs, width }: Mask): Row[] {
  const rows: Row[] = [];
  let at = 0;
  runs.forEach((run, i) => {
    for (let from = at; i % 2 && from < at + run; ) {
      const y = Math.floor(from / width);
      const end = Math.min(at + run, (y + 1) * width);
      rows.push({ y, start: from - y * width, end: end - y * width });
      from = end;
    }
    at += run;
  });
  return rows;
}

/** Pixels that are on. */
export const covered = ({ runs }: Mask): number => runs.reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0);

/** Pixels whose middle is no farther than `radius` from the stroke between two points, row by row. */
export function stroke(from: Point, to: Point, radius: number, { width, height }: Size): Row[] {
  const rows: Row[] = [];
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
  for (let y = top; y <= bottom; y += 1) {
    const reach = reachOf(from, to, radius, y + 0.5);
    if (!reach) continue;
    const start = Math.max(0, Math.ceil(reach.low - 0.5));
    const end = Math.min(width, Math.floor(reach.high - 0.5) + 1);
    if (start < end) rows.push({ y, start, end });
  }
  return rows;
}

/** From where to where the stroke covers the horizontal line at `y`: two discs and what lies between them. */
function reachOf(a: Point, b: Point, radius: number, y: number): { low: number; high: number } | undefined {
  const found: number[] = [];
  for (const disc of [a, b]) {
    const half = radius * radius - (y - disc.y) ** 2;
    if (half >= 0) found.push(disc.x - Math.sqrt(half), disc.x + Math.sqrt(half));
  }
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  // The two long sides of the stroke are the line between the points, moved to either side by the radius.
  for (const side of length ? [-1, 1] : []) {
    const [x0, y0] = [a.x - (side * radius * dy) / length, a.y + (side * radius * dx) / length];
    const along = dy ? (y - y0) / dy : -1;
    if (along >= 0 && along <= 1) found.push(x0 + along * dx);
  }
  return found.length ? { low: Math.min(...found), high: Math.max(...found) } : undefined;
}

/** What is off and hangs together with this pixel, edge to edge, row by row; none where the pixel is on. */
export function flood(bits: Uint8Array, { width, height }: Size, x: number, y: number): Row[] {
  const rows: Row[] = [];
  const seen = bits.slice();
  const waiting = [y * width + x];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (seen[at]) continue;
    const row = Math.floor(at / width);
    const [left, right] = [row * width, (row + 1) * width];
    let start = at;
    while (start > left && !seen[start - 1]) start -= 1;
    let end = at + 1;
    while (end < right && !seen[end]) end += 1;
    seen.fill(1, start, end);
    rows.push({ y: row, start: start - left, end: end - left });
    for (const other of [row - 1, row + 1]) {
      if (other < 0 || other >= height) continue;
      const [from, to] = [other * width + start - left, other * width + end - left];
      // One place of each stretch is enough: it grows to both sides when its turn comes.
      for (let i = from; i < to; i += 1) if (!seen[i] && (i === from || seen[i - 1])) waiting.push(i);
    }
  }
  return rows;
}

/** Turns these pixels on or off. */
export function put(bits: Uint8Array, width: number, rows: readonly Row[], on: boolean): void {
  for (const { y, start, end } of rows) bits.fill(on ? 1 : 0, y * width + start, y * width + end);
}

export function writeMasks(masks: readonly Mask[]): { [key: string]: Json }[] {
  return masks.map(({ label, width, height, runs }) => ({ label, width, height, runs: [...runs] }));
}

/** The masks of an answer or draft; undefined when it is no list. What does not fit the picture is dropped. */
export function readMasks(value: Json | undefined, labels: ReadonlySet<string>, picture: Size): Mask[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readMask(entry, labels, picture) ?? []) : undefined;
}

function readMask(entry: Json, labels: ReadonlySet<string>, picture: Size): Mask | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { label, width, height, runs } = entry;
  if (typeof label !== "string" || !labels.has(label) || typeof width !== "number" || typeof height !== "number") return undefined;
  if (picture.width && (picture.width !== width || picture.height !== height)) return undefined;
  const isRun = (run: Json, i: number): run is number => Number.isInteger(run) && Number(run) >= Math.min(i, 1);
  if (!Array.isArray(runs) || runs.length < 2 || !runs.every(isRun)) return undefined;
  return runs.reduce((sum, run) => sum + run, 0) === width * height ? { label, width, height, runs } : undefined;
}
