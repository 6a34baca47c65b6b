/**
 * The first rows of a file, read in the browser, so that a person sees at once whether the columns are
 * right. The node reads the file anew and decides; nothing here changes what is imported.
 */
import type { Json } from "../../widget";

export interface Preview {
  columns: string[];
  rows: { [column: string]: Json }[];
  /** The file has more than what was read. */
  cut: boolean;
}

export interface TableOptions {
  /** One character between cells. */
  delimiter: string;
  /** One character around cells; "" when there is none. */
  quote: string;
  /** The first row names the columns; else they are c1, c2, … */
  header: boolean;
}

/** Bytes that a preview reads at most. */
export const HEAD_BYTES = 256 * 1024;

/** What the suffix says of a file: how its head can be read here, or undefined where it cannot. */
export function tableOptions(name: string): TableOptions | undefined {
  if (/\.csv$/i.test(name)) return { delimiter: ",", quote: '"', header: true };
  if (/\.(tsv|tab)$/i.test(name)) return { delimiter: "\t", quote: "", header: true };
  return undefined;
}

export const isJsonLines = (name: string): boolean => /\.(jsonl|ndjson)$/i.test(name);

/** The text of a file's head; a character or row that the end cuts in two is left out by the readers. */
export function decodeHead(bytes: Uint8Array, encoding = ""): string {
  const label = encoding || markOf(bytes) || "utf-8";
  return new TextDecoder(label).decode(bytes, { stream: true });
}

function markOf(bytes: Uint8Array): string | undefined {
  const [a, b] = bytes;
  if (a === 0xff && b === 0xfe) return "utf-16le";
  return a === 0xfe && b === 0xff ? "utf-16be" : undefined;
}

/** Rows of cells (RFC 4180, any line end). The last row is left out when the text is `cut`. */
export function cells(text: string, delimiter: string, quote: string, cut: boolean, most = 50): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length && rows.length < most) {
    const cell = quote !== "" && text[at] === quote ? quoted(text, at + 1, quote) : bare(text, at, delimiter);
    row.push(cell.value);
    at = cell.end;
    if (text[at] === delimiter) {
      at += 1;
      if (at < text.length) continue;
      row.push("");
    }
    // A row that runs to the end of the head may be half of one.
    if (at >= text.length && cut) break;
    at += text.startsWith("\r\n", at) ? 2 : 1;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

interface Cell {
  value: string;
  /** Index of the delimiter or line end behind it. */
  end: number;
}

function quoted(text: string, from: number, quote: string): Cell {
  let value = "";
  let at = from;
  for (;;) {
    const end = text.indexOf(quote, at);
    if (end < 0) return { value: value + text.slice(at), end: text.length };
    value += text.slice(at, end);
    if (text[end + 1] !== quote) return { value, end: end + 1 };
    value += quote;
    at = end + 2;
  }
}

function bare(text: string, from: number, delimiter: string): Cell {
  let end = from;
  while (end < text.length && text[end] !== delimiter && text[end] !== "\n" && text[end] !== "\r") end += 1;
  return { value: text.slice(from, end), end };
}

/** The head of a table. */
export function previewTable(text: string, options: TableOptions, cut: boolean): Preview {
  const all = cells(text.replace(/^\uFEFF/, ""), options.delimiter, options.quote, cut);
  const width = all[0]?.length ?? 0;
  const columns = options.header ? (all[0] ?? []) : Array.from({ length: width }, (_, i) => `c${i + 1}`);
  const rows = (options.header ? all.slice(1) : all).map((row) =>
    Object.fromEntries(columns.map((column, i) => [column, row[i] ?? ""])),
  );
  return { columns, rows, cut };
}

/** The head of a file with one JSON object a line. Lines that are none are left to the node's report. */
export function previewLines(text: string, cut: boolean, most = 50): Preview {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  if (cut) lines.pop();
  const rows = lines
    .slice(0, most)
    .map(parseObject)
    .filter((row) => row !== undefined);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { columns, rows, cut };
}

function parseObject(line: string): { [key: string]: Json } | undefined {
  try {
    const value = JSON.parse(line) as Json;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A cell as one short line of text. */
export function cellText(value: Json | undefined, longest = 200): string {
  const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

// -- mapping -----------------------------------------------------------------------------------------

/** Keys of a record that are not data (core/record.py). */
export const RESERVED = ["external_id", "metadata", "predictions"] as const;

/**
 * Where each column goes at first: to the field of its name, whatever its case; and when just one field
 * and one column are left without each other, to each other. Columns of ids are left for nobody.
 */
export function guessMapping(columns: readonly string[], fields: readonly string[]): { [column: string]: string } {
  const targets = new Map<string, string>();
  const free = new Set(fields);
  for (const same of [(a: string, b: string) => a === b, alike]) {
    for (const column of columns) {
      if (targets.has(column)) continue;
      const field = [...free].find((name) => same(column, name));
      if (field === undefined) continue;
      targets.set(column, field);
      free.delete(field);
    }
  }
  const [field, ...others] = free;
  const left = columns.filter((column) => !targets.has(column) && !isReserved(column) && !IDS.test(column));
  const [only] = left;
  if (field !== undefined && others.length === 0 && only !== undefined && left.length === 1) targets.set(only, field);
  return Object.fromEntries(columns.map((column) => [column, targets.get(column) ?? column]));
}

const IDS = /^(id|uid|uuid|guid|index|unnamed: 0)?$/i;

function alike(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.trim().toLowerCase();
}

function isReserved(column: string): boolean {
  return (RESERVED as readonly string[]).includes(column);
}

/** The renamings that a mapping amounts to: what keeps its name is left out. */
export function renamings(mapping: { readonly [column: string]: string }): { [column: string]: string } {
  return Object.fromEntries(Object.entries(mapping).filter(([column, target]) => column !== target));
}

export interface MappingFault {
  kind: "empty-field" | "twice";
  name: string;
}

/** What would go wrong with this mapping: a field that nothing fills, two columns with one target. */
export function mappingFaults(mapping: { readonly [column: string]: string }, fields: readonly string[]): MappingFault[] {
  const targets = Object.values(mapping);
  const twice = [...new Set(targets.filter((target, i) => targets.indexOf(target) !== i))];
  const empty = fields.filter((field) => !targets.includes(field));
  return [
    ...twice.map((name): MappingFault => ({ kind: "twice", name })),
    ...empty.map((name): MappingFault => ({ kind: "empty-field", name })),
  ];
}
