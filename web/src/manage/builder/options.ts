/** Lists to pick from (choices, labels, items) as the builder edits them. */
import type { Json } from "../../widget";

export interface Option {
  /** Stored in answers, stable for ever; the name when empty. */
  id: string;
  name: string;
  /** Further keys of the label type's entries, such as description and key. */
  more: { [key: string]: Json };
  children: Option[];
}

/** What a configuration holds (names alone, or entries in full) as entries. */
export function readOptions(value: Json | undefined): Option[] {
  return Array.isArray(value) ? value.map(readOption) : [];
}

function readOption(value: Json): Option {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { id: "", name: String(value ?? ""), more: {}, children: [] };
  }
  const { id, name, children, ...more } = value;
  return { id: String(id ?? ""), name: String(name ?? ""), more, children: readOptions(children) };
}

/** Entries as a configuration holds them; what is empty is left out, so that its default holds. */
export function writeOptions(options: readonly Option[]): Json[] {
  return options.map((option) => {
    const entry: { [key: string]: Json } = { name: option.name };
    if (option.id !== "") entry["id"] = option.id;
    for (const [key, value] of Object.entries(option.more)) if (value !== "" && value !== null && !(Array.isArray(value) && value.length === 0)) entry[key] = value;
    if (option.children.length > 0) entry["children"] = writeOptions(option.children);
    return Object.keys(entry).length === 1 ? option.name : entry;
  });
}

/**
 * Entries out of pasted lines: one name a line, or "id <tab> name"; with `tree`, lines that are indented
 * deeper than the one above lie below it. Empty lines count for nothing.
 */
export function parseLines(text: string, tree: boolean): Option[] {
  const roots: Option[] = [];
  const open: { depth: number; option: Option }[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.trim() === "") continue;
    const depth = tree ? indentation(line) : 0;
    const option = parseLine(line.trim());
    while (open.length > 0 && (open.at(-1)?.depth ?? 0) >= depth) open.pop();
    (open.at(-1)?.option.children ?? roots).push(option);
    open.push({ depth, option });
  }
  return roots;
}

function indentation(line: string): number {
  return (line.match(/^\s*/)?.[0] ?? "").replaceAll("\t", "    ").length;
}

function parseLine(line: string): Option {
  const tab = line.indexOf("\t");
  const id = tab < 0 ? "" : line.slice(0, tab).trim();
  return { id, name: line.slice(tab + 1).trim(), more: {}, children: [] };
}

/** The entries added, but for those whose id (or name, without one) is there already. */
export function mergeOptions(present: readonly Option[], added: readonly Option[]): Option[] {
  const key = (option: Option) => option.id || option.name;
  const known = new Set(present.map(key));
  const fresh = added.filter((option) => !known.has(key(option)) && known.add(key(option)));
  return [...present, ...fresh];
}

/** The entry moved by `step` places, staying inside the list. */
export function move<T>(items: readonly T[], from: number, step: number): T[] {
  const to = Math.min(Math.max(from + step, 0), items.length - 1);
  const result = [...items];
  result.splice(to, 0, ...result.splice(from, 1));
  return result;
}
