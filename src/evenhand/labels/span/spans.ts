/** Spans as arithmetic on UTF-16 offsets, which the page counts in; answers count code points. */
import type { Offsets } from "$web/lib/offsets";
import type { Json } from "$web/widget";

/** A stretch of the text in UTF-16 units, end excluded. */
export interface Stretch {
  start: number;
  end: number;
}

export interface Span extends Stretch {
  /** Id of the label. */
  label: string;
}

/** A piece of the text that the same spans cover. */
export interface Segment extends Stretch {
  spans: Span[];
}

const byPlace = (a: Span, b: Span) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : Number(a.label > b.label));

export const overlaps = (a: Stretch, b: Stretch) => a.start < b.end && b.start < a.end;

const isSame = (a: Span, b: Span) => a.start === b.start && a.end === b.end && a.label === b.label;

/** The spans of an answer or draft, at the places where they stand there; undefined when it is no list. What does not fit is a gap. */
export function readPlaces(value: Json | undefined, offsets: Offsets, labels: ReadonlySet<string>, overlap: boolean): (Span | undefined)[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const places = value.map((entry) => readSpan(entry, offsets, labels));
  const found = sorted(places);
  const isKept = (span: Span, i: number) => !found.slice(0, i).some((other) => isSame(span, other) || (!overlap && overlaps(span, other)));
  const kept = new Set(found.filter(isKept));
  return places.map((span) => (span && kept.has(span) ? span : undefined));
}

/** Spans in the order in which an answer is stored. */
export function sorted(places: readonly (Span | undefined)[]): Span[] {
  return places.filter((span) => span !== undefined).sort(byPlace);
}

function readSpan(entry: Json, offsets: Offsets, labels: ReadonlySet<string>): Span | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { start, end, label } = entry;
  const places = [start, end].filter((place): place is number => typeof place === "number" && Number.isInteger(place));
  const [from = 0, to = 0] = places;
  if (places.length < 2 || typeof label !== "string" || !labels.has(label)) return undefined;
  return from >= 0 && from < to && to <= offsets.points ? { start: offsets.toUnits(from), end: offsets.toUnits(to), label } : undefined;
}

/** A span in the answer: code points. */
export function writeSpan({ start, end, label }: Span, offsets: Offsets): { start: number; end: number; label: string } {
  return { start: offsets.toPoints(start), end: offsets.toPoints(end), label };
}

/**
 * Marks a stretch. The same mark again takes it away. Where spans may not overlap, the new one
 * replaces those in its way: who marks "New York City" over "New York" means it.
 */
export function mark(spans: readonly Span[], stretch: Stretch, label: string, overlap: boolean): Span[] {
  const span = { start: stretch.start, end: stretch.end, label };
  if (spans.some((other) => isSame(span, other))) return spans.filter((other) => !isSame(span, other));
  const kept = spans.filter((other) => overlap || !overlaps(span, other));
  return [...kept, span].sort(byPlace);
}

/** The text cut at every edge, so that each piece has one look. */
export function segments(length: number, spans: readonly Span[], selection: Stretch | undefined): Segment[] {
  const cuts = new Set([0, length, ...spans.flatMap(({ start, end }) => [start, end])]);
  if (selection) cuts.add(selection.start).add(selection.end);
  const places = [...cuts].sort((a, b) => a - b);
  return places.slice(0, -1).map((start, i) => {
    const end = places[i + 1] ?? length;
    return { start, end, spans: spans.filter((span) => overlaps(span, { start, end })) };
  });
}

/** A line of its own for each of the spans that overlap: 0 for the first, and so on. */
export function levels(spans: readonly Span[]): Map<Span, number> {
  const ends: number[] = []; // of the last span in each line
  const found = new Map<Span, number>();
  for (const span of [...spans].sort(byPlace)) {
    const free = ends.findIndex((end) => end <= span.start);
    const level = free < 0 ? ends.length : free;
    ends[level] = span.end;
    found.set(span, level);
  }
  return found;
}

/** What the cursor steps on: words, and signs such as emoji that stand for one. */
export function words(text: string): Stretch[] {
  const found: Stretch[] = [];
  for (const { index, segment, isWordLike } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text))
    if (isWordLike || /\p{Extended_Pictographic}|\p{Sc}/u.test(segment)) found.push({ start: index, end: index + segment.length });
  return found;
}

/** Index of the first word that ends behind this offset; the number of words when there is none. */
export function wordAt(all: readonly Stretch[], offset: number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.end ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The stretch without blanks at its ends and, with `toWords`, grown to whole words. Undefined: nothing left. */
export function snap(text: string, { start, end }: Stretch, all: readonly Stretch[], toWords: boolean): Stretch | undefined {
  let [from, to] = [Math.min(start, end), Math.max(start, end)];
  while (from < to && /\s/.test(text[from] ?? "")) from += 1;
  while (to > from && /\s/.test(text[to - 1] ?? "")) to -= 1;
  if (from >= to) return undefined;
  if (!toWords) return { start: from, end: to };
  const first = all[wordAt(all, from)];
  const last = all[wordAt(all, to - 1)];
  return { start: first && first.start < from ? first.start : from, end: last && last.start < to ? Math.max(last.end, to) : to };
}

/** One character as readers see it, before or behind this offset. */
export function nextCharacter(text: string, offset: number, by: 1 | -1): number {
  const around = 64; // units; no visible character is longer in any text worth marking
  const from = Math.max(0, offset - around);
  const cuts = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text.slice(from, offset + around))].map(({ index }) => index + from);
  const next = by > 0 ? cuts.find((cut) => cut > offset) : cuts.findLast((cut) => cut < offset);
  return next ?? (by > 0 ? text.length : 0);
}
