/** Stretches of a recording, and the part of it that is seen, as arithmetic. Seconds. */
import type { Json } from "$web/widget";

export interface Heard {
  start: number;
  /** Excluded. */
  end: number;
  /** Id of the label. */
  label: string;
  /** What is said; "" where nothing is written down. */
  text: string;
}

/** What is seen of the recording. */
export interface Window {
  from: number;
  to: number;
}

/** Nothing is shorter. */
export const SHORTEST = 0.01;

/** Closer than this nobody looks: seconds over the whole width. */
const CLOSEST = 0.25;

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), Math.max(low, high));

/** Answers carry milliseconds. */
const round = (value: number) => Math.round(value * 1000) / 1000;

/** Milliseconds, and inside the recording; as it goes into an answer. */
export function settle(span: Heard, duration: number): Heard {
  const start = round(clamp(span.start, 0, duration - SHORTEST));
  return { ...span, start, end: round(clamp(span.end, start + SHORTEST, duration)) };
}

/** The stretch between two times, whichever came first. */
export const between = (a: number, b: number, label: string): Heard => ({ start: Math.min(a, b), end: Math.max(a, b), label, text: "" });

/** The room around a time that no other stretch takes; where they may overlap, all of the recording. */
export function room(others: readonly Heard[], at: number, overlap: boolean, duration: number): Window {
  if (overlap) return { from: 0, to: duration };
  const from = Math.max(0, ...others.filter((other) => other.end <= at + SHORTEST / 2).map((other) => other.end));
  const to = Math.min(duration, ...others.filter((other) => other.start >= at - SHORTEST / 2).map((other) => other.start));
  return { from, to: Math.max(from, to) };
}

export const within = (time: number, { from, to }: Window) => clamp(time, from, to);

/** The stretch with its edge brought to a time, inside this room; the other edge stays. */
export function withEdge(span: Heard, edge: "start" | "end", time: number, free: Window): Heard {
  if (edge === "start") return { ...span, start: clamp(time, free.from, span.end - SHORTEST) };
  return { ...span, end: clamp(time, span.start + SHORTEST, free.to) };
}

/** The stretch moved as a whole, inside this room. */
export function move(span: Heard, by: number, free: Window): Heard {
  const length = span.end - span.start;
  const start = clamp(span.start + by, free.from, free.to - length);
  return { ...span, start, end: start + length };
}

/** Shows less (factor over 1) or more, so that `at` stays where it is. */
export function zoom({ from, to }: Window, factor: number, at: number, duration: number): Window {
  const length = clamp((to - from) / factor, Math.min(CLOSEST, duration), duration);
  const start = clamp(at - ((at - from) / (to - from)) * length, 0, duration - length);
  return { from: start, to: start + length };
}

export function pan({ from, to }: Window, by: number, duration: number): Window {
  const start = clamp(from + by, 0, duration - (to - from));
  return { from: start, to: start + to - from };
}

/** The window that shows this time: the same, or one page on. */
export function reveal(window: Window, time: number, duration: number): Window {
  const { from, to } = window;
  return time >= from && time <= to ? window : pan(window, time - from - (to - from) / 10, duration);
}

/** Marks of the ruler: every 1, 2 or 5 of some unit, so many that they stand this far apart. */
export function marks({ from, to }: Window, most: number): number[] {
  const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((one) => (to - from) / one <= most) ?? 7200;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(to / step + 1e-9) - first + 1) }, (_, i) => round((first + i) * step));
}

/** Loudest sample of each of `rate` parts of a second, 0 to 1. */
export function peaksOf(samples: Float32Array, sampleRate: number, rate: number): Float32Array {
  const peaks = new Float32Array(Math.ceil((samples.length / sampleRate) * rate));
  for (let i = 0; i < samples.length; i += 1) {
    const at = Math.floor((i * rate) / sampleRate);
    const loud = Math.abs(samples[i] ?? 0);
    if (loud > (peaks[at] ?? 1)) peaks[at] = loud;
  }
  return peaks;
}

export function writeSpans(spans: readonly Heard[]): { [key: string]: Json }[] {
  return spans.map(({ text, ...span }) => (text ? { ...span, text } : span));
}

/** The stretches of an answer or draft; undefined when it is no list. What cannot be shown is dropped. */
export function readSpans(value: Json | undefined, labels: ReadonlySet<string>): Heard[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readSpan(entry, labels) ?? []) : undefined;
}

function readSpan(entry: Json, labels: ReadonlySet<string>): Heard | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { start, end, label, text = "" } = entry;
  if (typeof start !== "number" || typeof end !== "number" || !(start >= 0) || !(end > start) || !Number.isFinite(end)) return undefined;
  return typeof label === "string" && labels.has(label) && typeof text === "string" ? { start, end, label, text } : undefined;
}
