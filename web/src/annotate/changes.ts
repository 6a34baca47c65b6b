/** What changed between two versions of a project, for the people who answer its questions. */
import type { Document, StoredQuestion } from "../lib/api";
import { same } from "./conditions";

/** A stretch of a text: in both, only in the old one, or only in the new one. */
export interface Piece {
  kind: "same" | "gone" | "new";
  text: string;
}

export interface QuestionChange {
  kind: "new" | "gone" | "changed";
  id: string;
  title: string;
  /** For "changed": what is different, old and new side by side. */
  parts: { what: string; before: string; after: string }[];
}

export interface Changes {
  /** Paragraphs and lines of the instructions; empty when they are the same. */
  instructions: Piece[];
  questions: QuestionChange[];
  /** Names of fields that came or went. */
  fields: { kind: "new" | "gone"; name: string }[];
}

const MOST_EDITS = 2_000; // beyond this two texts have little in common, and comparing them takes too long

export function changesBetween(before: Document, after: Document): Changes {
  return {
    instructions: diffTexts(before.instructions ?? "", after.instructions ?? ""),
    questions: questionChanges(before.questions, after.questions),
    fields: [
      ...after.fields.filter(({ name }) => !before.fields.some((old) => old.name === name)).map(named("new")),
      ...before.fields.filter(({ name }) => !after.fields.some((now) => now.name === name)).map(named("gone")),
    ],
  };
}

/** Whether there is anything in it for an annotator. */
export function isEmpty(changes: Changes): boolean {
  return changes.instructions.length + changes.questions.length + changes.fields.length === 0;
}

function named<K extends "new" | "gone">(kind: K): (field: { name: string }) => { kind: K; name: string } {
  return ({ name }) => ({ kind, name });
}

function questionChanges(before: StoredQuestion[], after: StoredQuestion[]): QuestionChange[] {
  const old = new Map(before.map((question) => [question.id, question]));
  const changes: QuestionChange[] = [];
  for (const question of after) {
    const was = old.get(question.id);
    if (!was) changes.push({ kind: "new", id: question.id, title: question.title, parts: [] });
    else if (!same(comparable(was), comparable(question))) changes.push(changed(was, question));
  }
  const gone = before.filter(({ id }) => !after.some((question) => question.id === id));
  return [...changes, ...gone.map(({ id, title }) => ({ kind: "gone" as const, id, title, parts: [] }))];
}

/** A question as JSON with its defaults filled in, so that a default written out is no change. */
function comparable(question: StoredQuestion) {
  const { help = "", required = true, when = null, ...rest } = question;
  return JSON.parse(JSON.stringify({ ...rest, help, required, when })) as { [key: string]: never };
}

function changed(was: StoredQuestion, now: StoredQuestion): QuestionChange {
  const [a, b] = [flat(comparable(was)), flat(comparable(now))];
  const keys = [...new Set([...a.keys(), ...b.keys()])];
  const parts = keys
    .map((what) => ({ what, before: a.get(what) ?? "", after: b.get(what) ?? "" }))
    .filter(({ before, after }) => before !== after);
  return { kind: "changed", id: now.id, title: now.title, parts };
}

/** "title" -> text, "config.choices" -> "ham, spam": one line per thing that a person can compare. */
function flat(question: { [key: string]: unknown }): Map<string, string> {
  const { config, ...rest } = question;
  const own = Object.entries(rest).map(([key, value]) => [key, readable(value)] as const);
  const typed = Object.entries((config ?? {}) as object).map(([key, value]) => [key, readable(value)] as const);
  return new Map([...own, ...typed]);
}

function readable(value: unknown): string {
  if (value === null || value === undefined || value === "") return "";
  if (Array.isArray(value)) return value.map(readable).join(", ");
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).filter(([, part]) => part !== null && part !== "");
  const { name, id } = value as { name?: unknown; id?: unknown };
  const rest = entries.filter(([key]) => key !== "name" && key !== "id");
  const head = typeof name === "string" ? name : typeof id === "string" ? id : "";
  const tail = rest.map(([key, part]) => `${key}: ${readable(part)}`).join("; ");
  return head && tail ? `${head} (${tail})` : head || tail;
}

/** The difference of two texts by lines, and by words within lines that were rewritten. */
export function diffTexts(before: string, after: string): Piece[] {
  if (before === after) return [];
  const lines = diff(parts(before, LINES), parts(after, LINES));
  return merge(lines.flatMap((piece, i) => refine(piece, lines[i - 1], lines[i + 1])));
}

/** Where old lines are followed by new ones in their place, compare the words. */
function refine(piece: Piece, previous: Piece | undefined, next: Piece | undefined): Piece[] {
  if (piece.kind === "gone" && next?.kind === "new") {
    return diff(parts(piece.text, WORDS), parts(next.text, WORDS));
  }
  return piece.kind === "new" && previous?.kind === "gone" ? [] : [piece];
}

const LINES = /[^\n]*\n|[^\n]+/g;
const WORDS = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;

function parts(text: string, each: RegExp): string[] {
  return text.match(each) ?? [];
}

/**
 * The shortest edit script, greedy.
 *
 * Source: Myers 1986, "An O(ND) difference algorithm and its variations", doi:10.1007/BF01840446.
 */
function diff(a: string[], b: string[]): Piece[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const pieces = [
    ...a.slice(0, start).map((text) => ({ kind: "same" as const, text })),
    ...middle(a.slice(start, endA), b.slice(start, endB)),
    ...a.slice(endA).map((text) => ({ kind: "same" as const, text })),
  ];
  return merge(pieces);
}

function middle(a: string[], b: string[]): Piece[] {
  const trace = search(a, b);
  return trace ? walkBack(a, b, trace) : [...a.map(asKind("gone")), ...b.map(asKind("new"))];
}

function asKind(kind: Piece["kind"]): (text: string) => Piece {
  return (text) => ({ kind, text });
}

/** For each number of edits, how far each diagonal got; undefined when there are too many edits. */
function search(a: string[], b: string[]): Map<number, number>[] | undefined {
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= Math.min(a.length + b.length, MOST_EDITS); d++) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      let x = down(reach, k, d) ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return undefined;
}

/** Whether the best way to diagonal `k` is an insertion. */
function down(reach: Map<number, number>, k: number, d: number): boolean {
  return k === -d || (k !== d && (reach.get(k - 1) ?? 0) < (reach.get(k + 1) ?? 0));
}

function walkBack(a: string[], b: string[], trace: Map<number, number>[]): Piece[] {
  const pieces: Piece[] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d] as Map<number, number>;
    const k = x - y;
    const from = down(reach, k, d) ? k + 1 : k - 1;
    const fromX = reach.get(from) ?? 0;
    const fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0) pieces.push({ kind: "same", text: a[--x] as string }), y--;
    if (d > 0) pieces.push(x === fromX ? { kind: "new", text: b[--y] as string } : { kind: "gone", text: a[--x] as string });
  }
  return pieces.reverse();
}

/** Neighbours of one kind become one piece; between two "same", what is gone stands before what is new. */
function merge(pieces: Piece[]): Piece[] {
  const merged: Piece[] = [];
  let [gone, fresh] = ["", ""];
  const flush = () => {
    if (gone) merged.push({ kind: "gone", text: gone });
    if (fresh) merged.push({ kind: "new", text: fresh });
    gone = fresh = "";
  };
  for (const { kind, text } of pieces) {
    if (kind === "gone") gone += text;
    else if (kind === "new") fresh += text;
    else {
      flush();
      const last = merged.at(-1);
      if (last?.kind === "same") last.text += text;
      else merged.push({ kind, text });
    }
  }
  flush();
  return merged;
}
