/** Keypoints as arithmetic. Pixels of the picture after EXIF orientation. */
import type { Size } from "$web/lib/viewport";
import type { Json } from "$web/widget";

export interface Keypoint {
  x: number;
  y: number;
  /** Id of the label. */
  label: string;
  /** False: it is there, but something hides it. */
  visible: boolean;
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), Math.max(low, high));
const round = (value: number) => Math.round(value * 100) / 100;

/** Two decimals and inside; as it goes into an answer. */
export function settle(point: Keypoint, picture: Size): Keypoint {
  return { ...point, x: clamp(round(point.x), 0, picture.width), y: clamp(round(point.y), 0, picture.height) };
}

/** The label that comes next where each stands for one point: the first after this one that no point has. */
export function nextLabel(labels: readonly string[], points: readonly Keypoint[], after: string): string {
  const taken = new Set(points.map((point) => point.label));
  const from = labels.indexOf(after);
  const inOrder = [...labels.slice(from + 1), ...labels.slice(0, from + 1)];
  return inOrder.find((label) => !taken.has(label)) ?? after;
}

export function writePoints(points: readonly Keypoint[]): { [key: string]: Json }[] {
  return points.map(({ visible, ...point }) => (visible ? point : { ...point, visible }));
}

/** The points of an answer or draft; undefined when it is no list. What cannot be drawn is dropped. */
export function readPoints(value: Json | undefined, labels: ReadonlySet<string>): Keypoint[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readPoint(entry, labels) ?? []) : undefined;
}

function readPoint(entry: Json, labels: ReadonlySet<string>): Keypoint | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { x, y, label, visible = true } = entry;
  if (typeof x !== "number" || typeof y !== "number" || !Number.isFinite(x) || !Number.isFinite(y)) return undefined;
  if (typeof label !== "string" || !labels.has(label) || typeof visible !== "boolean") return undefined;
  return { x, y, label, visible };
}
