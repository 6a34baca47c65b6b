/**
 * Where the boxes and lines of an ownership graph stand: owners above what they own, by layers.
 *
 * A line that passes a layer gets a lane of its own there, between the boxes, so that no line crosses a box
 * (Sugiyama, Tagawa, Toda 1981, doi:10.1109/TSMC.1981.4308636).
 */

export interface Link {
  holder: string;
  held: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  /** Middle of each box. */
  points: Map<string, Point>;
  /** For each link, where its line passes the middle of the layers between its ends, holder first. */
  lanes: Point[][];
  width: number;
  height: number;
}

export const BOX = { width: 168, height: 44, across: 28, down: 76, lane: 12 } as const;
const SWEEPS = 8;
const WORD = { width: 76, height: 16 };

/** A box, or the lane of a line, in a layer. */
interface Cell {
  id: string;
  /** The ids of the cells that lines lead to, one layer above and one below. */
  up: string[];
  down: string[];
  width: number;
  x: number;
}

/** The layer of each record: one below its lowest owner. A circle of owners does not push its members down for ever. */
export function layers(records: readonly string[], links: readonly Link[]): Map<string, number> {
  const below = new Map<string, string[]>(records.map((record) => [record, []]));
  for (const { holder, held } of links) if (holder !== held) below.get(holder)?.push(held);
  const depth = new Map<string, number>(records.map((record) => [record, 0]));
  const onPath = new Set<string>();
  const sink = (record: string, at: number) => {
    if (onPath.has(record) || (depth.get(record) ?? 0) > at) return;
    depth.set(record, at);
    onPath.add(record);
    for (const next of below.get(record) ?? []) if ((depth.get(next) ?? 0) <= at) sink(next, at + 1);
    onPath.delete(record);
  };
  const owned = new Set(links.filter(({ holder, held }) => holder !== held).map(({ held }) => held));
  for (const record of records) if (!owned.has(record)) sink(record, 0);
  for (const record of records) if (owned.has(record) && depth.get(record) === 0) sink(record, 0);
  return depth;
}

/** Boxes by layers, each near the middle of what it is tied to, and the lanes of the lines. */
export function place(records: readonly string[], links: readonly Link[]): Placed {
  const depth = layers(records, links);
  const rows: Cell[][] = Array.from({ length: Math.max(0, ...depth.values()) + 1 }, () => []);
  const cells = new Map<string, Cell>();
  const add = (id: string, layer: number, width: number) => {
    const cell = { id, up: [], down: [], width, x: 0 };
    rows[layer]?.push(cell);
    cells.set(id, cell);
  };
  for (const record of records) add(record, depth.get(record) ?? 0, BOX.width);
  const ways = links.map((link, i) => lanesOf(link, i, depth, add));
  for (const way of ways) tie(way, cells);
  for (let turn = 0; turn < SWEEPS; turn += 1) sweep(rows, cells, turn % 2 === 0 ? "up" : "down", true);
  for (let turn = 0; turn < SWEEPS; turn += 1) sweep(rows, cells, turn % 2 === 0 ? "up" : "down", false);
  return drawn(rows, records, ways);
}

/** The cells that a link goes through from top to bottom, with a lane in each layer between its ends. */
function lanesOf({ holder, held }: Link, i: number, depth: Map<string, number>, add: (id: string, layer: number, width: number) => void): string[] {
  const [from, to] = [depth.get(holder) ?? 0, depth.get(held) ?? 0];
  const between = Array.from({ length: Math.max(0, Math.abs(to - from) - 1) }, (_, k) => ({ id: `${i}/${k}`, layer: Math.min(from, to) + 1 + k }));
  for (const { id, layer } of between) add(id, layer, BOX.lane);
  const ids = between.map(({ id }) => id);
  if (from === to) return [];
  return from < to ? [holder, ...ids, held] : [held, ...ids, holder];
}

function tie(way: string[], cells: Map<string, Cell>): void {
  way.slice(1).forEach((id, i) => {
    cells.get(id)?.up.push(way[i] ?? "");
    cells.get(way[i] ?? "")?.down.push(id);
  });
}

/** Move each cell of every layer towards the middle of its neighbours in the layer before; reorder first if asked. */
function sweep(rows: Cell[][], cells: Map<string, Cell>, side: "up" | "down", reorder: boolean): void {
  for (const row of side === "up" ? rows : rows.toReversed()) {
    const wanted = new Map(row.map((cell) => [cell, middle(cell[side], cells) ?? cell.x]));
    if (reorder) row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || (a.id < b.id ? -1 : 1));
    spread(row, row.map((cell) => wanted.get(cell) ?? 0));
  }
}

function middle(ids: readonly string[], cells: Map<string, Cell>): number | undefined {
  return ids.length === 0 ? undefined : ids.reduce((sum, id) => sum + (cells.get(id)?.x ?? 0), 0) / ids.length;
}

/**
 * Put a row as near as can be to where its cells want to be, in order and without touching.
 *
 * Less the room that cells before it need, a cell may not stand left of the one before it: the nearest such places
 * are found by pooling neighbours that stand in each other's way (Barlow et al. 1972, isotonic regression).
 */
function spread(row: Cell[], wanted: readonly number[]): void {
  let room = 0;
  const rooms = row.map((cell, i) => (room += i === 0 ? 0 : (cell.width + (row[i - 1]?.width ?? 0)) / 2 + BOX.across));
  const pools: { sum: number; count: number }[] = [];
  row.forEach((_, i) => {
    let last = { sum: (wanted[i] ?? 0) - (rooms[i] ?? 0), count: 1 };
    for (let before = pools.at(-1); before && before.sum / before.count > last.sum / last.count; before = pools.at(-1)) {
      last = { sum: last.sum + before.sum, count: last.count + before.count };
      pools.pop();
    }
    pools.push(last);
  });
  const places = pools.flatMap(({ sum, count }) => Array<number>(count).fill(sum / count));
  row.forEach((cell, i) => (cell.x = (places[i] ?? 0) + (rooms[i] ?? 0)));
}

function drawn(rows: Cell[][], records: readonly string[], ways: string[][]): Placed {
  const all = rows.flat();
  const left = Math.min(0, ...all.map(({ x, width }) => x - width / 2)) - BOX.across;
  const right = Math.max(0, ...all.map(({ x, width }) => x + width / 2)) + BOX.across;
  const at = new Map(
    rows.flatMap((row, i) => row.map(({ id, x }) => [id, { x: x - left, y: BOX.down / 2 + i * (BOX.height + BOX.down) + BOX.height / 2 }] as const)),
  );
  const isBox = new Set(records);
  return {
    points: new Map(records.flatMap((record) => (at.has(record) ? [[record, at.get(record) as Point] as const] : []))),
    lanes: ways.map((way) => way.filter((id) => !isBox.has(id)).flatMap((id) => at.get(id) ?? [])),
    width: right - left,
    height: rows.length * (BOX.height + BOX.down) + BOX.down / 2,
  };
}

/**
 * A line from box to box by way of its lanes: it bends only between layers, and passes a layer straight down.
 *
 * Within a layer it is an arc above it, and from a box to itself a loop at its side.
 */
export function line(from: Point, lanes: readonly Point[], to: Point): string {
  const half = BOX.height / 2;
  if (from === to) return `M${from.x + BOX.width / 2} ${from.y - 8}c32 -22 32 38 0 16`;
  if (from.y === to.y) return `M${from.x} ${from.y - half}C${from.x} ${from.y - half - 44} ${to.x} ${to.y - half - 44} ${to.x} ${to.y - half - 3}`;
  const way = from.y <= to.y ? lanes : lanes.toReversed();
  const sign = Math.sign(to.y - from.y);
  let [x, y] = [from.x, from.y + sign * half];
  let path = `M${x} ${y}`;
  for (const [i, next] of [...way, to].entries()) {
    const end = next.y - sign * (i === way.length ? half + 3 : half);
    const bend = (end - y) / 2;
    path += `C${x} ${y + bend} ${next.x} ${end - bend} ${next.x} ${end}`;
    [x, y] = [next.x, next.y + sign * half];
    if (i < way.length) path += `L${x} ${y}`;
  }
  return path;
}

/**
 * Where the word on each line stands: on its line, between two layers, where there are no boxes, and beside no other word
 * as long as there is such a place. Undefined without a line.
 */
export function wordPlaces(links: readonly Link[], { points, lanes }: Placed): (Point | undefined)[] {
  const taken: Point[] = [];
  const free = (at: Point) => !taken.some(({ x, y }) => Math.abs(x - at.x) < WORD.width && Math.abs(y - at.y) < WORD.height);
  return links.map(({ holder, held }, i) => {
    const [from, to] = [points.get(holder), points.get(held)];
    if (!from || !to) return undefined;
    const able = wordsAt(from, lanes[i] ?? [], to);
    const at = able.find(free) ?? able[0];
    if (at) taken.push(at);
    return at;
  });
}

const ALONG = [0.5, 0.36, 0.64, 0.26, 0.74]; // places on a bend that are far enough from the boxes at its ends

/** Where a word may stand, the best places first. */
function wordsAt(from: Point, lanes: readonly Point[], to: Point): Point[] {
  const half = BOX.height / 2;
  if (from === to) return [{ x: from.x + BOX.width / 2 + 16, y: from.y - half - 10 }];
  if (from.y === to.y) return [{ x: (from.x + to.x) / 2, y: from.y - half - 29 }];
  const stops = [from, ...(from.y <= to.y ? lanes : lanes.toReversed()), to];
  const sign = Math.sign(to.y - from.y);
  return ALONG.flatMap((t) =>
    stops.slice(1).map((next, i) => {
      const at = stops[i] ?? from;
      const [top, end] = [at.y + sign * half, next.y - sign * half];
      const middle = (top + end) / 2;
      return { x: bent(t, at.x, at.x, next.x, next.x), y: bent(t, top, middle, middle, end) };
    }),
  );
}

/** One coordinate of a cubic curve with these four points. */
function bent(t: number, start: number, first: number, second: number, end: number): number {
  const u = 1 - t;
  return u ** 3 * start + 3 * u * u * t * first + 3 * u * t * t * second + t ** 3 * end;
}
