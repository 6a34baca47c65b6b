/** Where the boxes of an ownership graph stand: owners above what they own, by layers. */

export interface Link {
  holder: string;
  held: string;
}

export interface Placed {
  /** Middle of each box. */
  points: Map<string, { x: number; y: number }>;
  width: number;
  height: number;
}

export const BOX = { width: 168, height: 44, across: 28, down: 76 } as const;

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

/** Boxes by layers, each near the middle of its owners. */
export function place(records: readonly string[], links: readonly Link[]): Placed {
  const depth = layers(records, links);
  const rows: string[][] = [];
  for (const record of records) (rows[depth.get(record) ?? 0] ??= []).push(record);
  const full = Array.from(rows, (row) => row ?? []);
  for (let turn = 0; turn < 4; turn += 1) for (const row of full.slice(1)) arrange(row, full, links);
  const widest = Math.max(1, ...full.map((row) => row.length));
  const width = widest * (BOX.width + BOX.across) + BOX.across;
  const points = new Map<string, { x: number; y: number }>();
  full.forEach((row, i) => {
    const step = width / row.length;
    row.forEach((record, j) => points.set(record, { x: step * (j + 0.5), y: BOX.down / 2 + i * (BOX.height + BOX.down) + BOX.height / 2 }));
  });
  return { points, width, height: full.length * (BOX.height + BOX.down) + BOX.down / 2 };
}

/** Order a row by the mean place of the owners of each (Sugiyama, Tagawa, Toda 1981, doi:10.1109/TSMC.1981.4308636). */
function arrange(row: string[], rows: string[][], links: readonly Link[]): void {
  const at = new Map(rows.flatMap((one) => one.map((record, i) => [record, (i + 0.5) / one.length] as const)));
  const middle = (record: string): number => {
    const owners = links.filter(({ held, holder }) => held === record && holder !== record).map(({ holder }) => at.get(holder) ?? 0.5);
    return owners.length > 0 ? owners.reduce((sum, one) => sum + one, 0) / owners.length : (at.get(record) ?? 0.5);
  };
  const wanted = new Map(row.map((record) => [record, middle(record)]));
  row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || (a < b ? -1 : 1));
}
