import type { Json } from "$web/widget";

/** What the question allows; the Python side checks the same (`number/__init__.py`). */
export interface Limits {
  min: number | undefined;
  max: number | undefined;
  /** Distance of allowed numbers, counted from `min` or 0. */
  step: number | undefined;
  integer: boolean;
}

/** Beyond this, JSON readers disagree about integers. */
const LARGEST = Number.MAX_SAFE_INTEGER;

export function readLimits(config: { [key: string]: Json }): Limits {
  const number = (key: string) => (typeof config[key] === "number" ? config[key] : undefined);
  return { min: number("min"), max: number("max"), step: number("step"), integer: config["integer"] === true };
}

/**
 * A number as people write it: "1234.5", "1,5", "−3", "1 000". Undefined when it is none, or could be
 * read in two ways.
 */
export function readNumber(written: string): number | undefined {
  const text = written.replace(/[\s\u00a0\u202f']/g, "").replace(/\u2212/g, "-");
  const plain = /^[+-]?\d+,\d+$/.test(text) ? text.replace(",", ".") : text;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : undefined;
}

export type Complaint = "number" | "min" | "max" | "integer" | "step";

/** The rule that forbids the number, or undefined. */
export function complaint(value: Json | undefined, limits: Limits): Complaint | undefined {
  if (typeof value !== "number" || !(Math.abs(value) <= LARGEST)) return "number";
  if (limits.min !== undefined && value < limits.min) return "min";
  if (limits.max !== undefined && value > limits.max) return "max";
  if (limits.integer && !Number.isInteger(value)) return "integer";
  return limits.step !== undefined && !onGrid(value, limits.min ?? 0, limits.step) ? "step" : undefined;
}

/** 0.3 is three steps of 0.1 although 0.3 / 0.1 is not 3 in binary. */
function onGrid(value: number, from: number, step: number): boolean {
  const steps = (value - from) / step;
  return Math.abs(steps - Math.round(steps)) <= 1e-9 * Math.max(1, Math.abs(steps));
}

/** The next allowed number above (1) or below (-1), free of binary noise such as 0.30000000000000004. */
export function nudge(value: number | undefined, by: 1 | -1, { min, max, step = 1 }: Limits): number {
  const from = min ?? 0;
  const start = value ?? (by > 0 ? from - step : from + step);
  const steps = (start - from) / step + by;
  const next = from + (by > 0 ? Math.floor(steps + 1e-9) : Math.ceil(steps - 1e-9)) * step;
  const clean = Number(next.toPrecision(12));
  return Math.min(max ?? Infinity, Math.max(min ?? -Infinity, clean));
}
