/**
 * Checks a node's public log in the browser: the signature of the newest checkpoint, some entries up to its
 * root, and that it continues the checkpoint of the last visit. Written from docs/spec/ledger.md, sections 1 and 9.
 */

const WIDTH = 256; // hashes of a tile, entries of a bundle
const HASH = 32; // bytes

/** What a checkpoint says. */
export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Reads a file of the log by its path below the prefix; undefined when there is none. */
export type Read = (path: string) => Promise<Uint8Array | undefined>;

/** What was checked, for people. */
export interface Checked {
  readonly head: Head;
  readonly entries: number; // that were hashed up to the root
  readonly earlier: number; // size of the checkpoint that it continues; 0 when there was none
}

/** Something that is not as it must be. */
export class Wrong extends Error {}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

async function hash(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

const leaf = (entry: Uint8Array) => hash(Uint8Array.of(0), entry);
const node = (left: Uint8Array, right: Uint8Array) => hash(Uint8Array.of(1), left, right);

/** Checks a signed checkpoint with a verification key (C2SP signed-note). */
async function openCheckpoint(note: string, vkey: string): Promise<Head> {
  const [name = "", , encoded = ""] = split(vkey.trim());
  const material = bytesOf(encoded);
  const cut = note.indexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (cut < 0 || material[0] !== 1 || material.length !== 33 || origin !== name) {
    throw new Wrong("The checkpoint is not one of this log.");
  }
  const id = (await hash(new TextEncoder().encode(`${name}\n`), material)).slice(0, 4);
  const key = await crypto.subtle.importKey("raw", material.slice(1), "Ed25519", false, ["verify"]);
  for (const line of note.slice(cut + 2).split("\n")) {
    const [, signer, blob = ""] = line.split(" ");
    const signature = signer === name ? bytesOf(blob) : new Uint8Array();
    if (!same(signature.slice(0, 4), id)) continue;
    const said = new TextEncoder().encode(text);
    if (await crypto.subtle.verify("Ed25519", key, signature.slice(4), said)) {
      return { origin, size: Number(size), root: bytesOf(root) };
    }
  }
  throw new Wrong("The signature of the checkpoint does not hold.");
}

/** name+id+key; the key may hold a plus itself. */
function split(vkey: string): string[] {
  const first = vkey.indexOf("+");
  const second = vkey.indexOf("+", first + 1);
  return [vkey.slice(0, first), vkey.slice(first + 1, second), vkey.slice(second + 1)];
}

/** A tile's number in a path (tlog-tiles): groups of three digits, an x before all but the last. */
function numbered(number: number): string {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** A tree of some size, as its tiles show it. */
export class Tree {
  constructor(
    private readonly read: Read,
    readonly size: number,
  ) {}

  /** A file that may be partial at the right edge, or have become whole since. */
  async file(level: number | "entries", number: number): Promise<Uint8Array> {
    const height = level === "entries" ? 0 : level;
    const width = Math.min(WIDTH, Math.floor(this.size / WIDTH ** height) - number * WIDTH);
    const path = `tile/${level}/${numbered(number)}`;
    const found = (await this.read(width < WIDTH ? `${path}.p/${width}` : path)) ?? (await this.read(path));
    if (!found) throw new Wrong(`The log has no ${path}.`);
    return level === "entries" ? found : found.slice(0, width * HASH);
  }

  /** The root over the first `count` leaves. */
  async root(count: number): Promise<Uint8Array> {
    return count === 0 ? hash() : this.range(0, count);
  }

  private async range(low: number, high: number): Promise<Uint8Array> {
    let width = 1;
    while (width * 2 < high - low) width *= 2;
    if (high - low === 1 || high - low === width * 2) return this.perfect(low, high - low);
    return node(await this.range(low, low + width), await this.range(low + width, high));
  }

  /** The root over 2^k leaves that begin at a multiple of 2^k. */
  private async perfect(low: number, width: number): Promise<Uint8Array> {
    let level = 0;
    let unit = 1;
    while (unit * WIDTH <= width) {
      unit *= WIDTH;
      level += 1;
    }
    const first = low / unit;
    const tile = await this.file(level, Math.floor(first / WIDTH));
    let hashes = slices(tile).slice(first % WIDTH, (first % WIDTH) + width / unit);
    if (hashes.length !== width / unit) throw new Wrong("A tile is cut off.");
    while (hashes.length > 1) hashes = await pairs(hashes);
    return hashes[0] ?? hash();
  }

  /** Hashes the entries of one bundle, and compares with every tile above it; gives how many there were. */
  async checkBundle(number: number): Promise<number> {
    const entries = unpack(await this.file("entries", number));
    let hashes = await Promise.all(entries.slice(0, this.size - number * WIDTH).map(leaf));
    const count = hashes.length;
    for (let level = 0, at = number; ; level += 1, at = Math.floor(at / WIDTH)) {
      const tile = slices(await this.file(level, at));
      if (!(tile.length === hashes.length && hashes.every((one, i) => same(one, tile[i] ?? new Uint8Array())))) {
        throw new Wrong(`Entries of bundle ${number} do not have the hashes that the tiles say.`);
      }
      if (tile.length < WIDTH || Math.floor(this.size / WIDTH ** (level + 1)) === 0) return count;
      while (hashes.length > 1) hashes = await pairs(hashes);
      const above = slices(await this.file(level + 1, Math.floor(at / WIDTH)));
      if (!same(hashes[0] ?? new Uint8Array(), above[at % WIDTH] ?? new Uint8Array())) {
        throw new Wrong(`Tile ${at} of level ${level} is not in the tree.`);
      }
      hashes = above;
    }
  }
}

function slices(tile: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.floor(tile.length / HASH) }, (_, i) => tile.slice(i * HASH, (i + 1) * HASH));
}

function pairs(hashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const left = hashes.filter((_, i) => i % 2 === 0);
  return Promise.all(left.map((one, i) => node(one, hashes[2 * i + 1] ?? one)));
}

function unpack(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bundle.length; ) {
    const end = at + 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
    if (end > bundle.length) throw new Wrong("A bundle is cut off.");
    entries.push(bundle.slice(at + 2, end));
    at = end;
  }
  return entries;
}

/** Checks the log as it is now. `earlier` is a checkpoint note of the same log that was seen before. */
export async function check(
  read: Read,
  vkey: string,
  note: string,
  earlier: string | undefined,
  dice: () => number = Math.random,
): Promise<Checked> {
  const head = await openCheckpoint(note, vkey);
  const tree = new Tree(read, head.size);
  if (!same(await tree.root(head.size), head.root)) throw new Wrong("The tiles do not come to the signed root.");
  const bundles = Math.ceil(head.size / WIDTH);
  const chosen = new Set([bundles - 1, Math.floor(dice() * bundles), Math.floor(dice() * bundles)]);
  let entries = 0;
  for (const number of chosen) if (number >= 0) entries += await tree.checkBundle(number);
  const before = earlier === undefined ? undefined : await openCheckpoint(earlier, vkey);
  if (before && (before.size > head.size || !same(await tree.root(before.size), before.root))) {
    throw new Wrong("The log does not continue what it showed at your last visit. Keep both checkpoints.");
  }
  return { head, entries, earlier: before?.size ?? 0 };
}
