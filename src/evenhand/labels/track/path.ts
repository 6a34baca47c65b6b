/** Boxes that move, as arithmetic. Parts of the width and height of the video as shown, seconds. */
import type { Json } from "$web/widget";

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Keyframe extends Place {
  time: number;
  /** From here on it is not there, until the next keyframe that is not outside. */
  outside: boolean;
}

export interface Track {
  /** By time; the first is not outside. */
  keyframes: readonly Keyframe[];
  /** Id of the label. */
  label: string;
}

/** Answers carry milliseconds and five decimals of a side. */
export const millis = (time: number) => Math.round(time * 1000) / 1000;
const round = (value: number) => Math.round(value * 100_000) / 100_000;

/** Two times so close are one: what rounding to milliseconds takes. */
const SAME = 0.0006;

/** Position of the last keyframe at this time or before it; -1 before the track begins. */
function lastAt({ keyframes }: Track, time: number): number {
  let [low, high] = [0, keyframes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keyframes[middle]?.time ?? 0) <= time + SAME) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where the box is at a time: between two keyframes each edge goes on a straight line, behind the last it stays. */
export function placeAt(track: Track, time: number): Place {
  const last = lastAt(track, time);
  const before = track.keyframes[Math.max(last, 0)] as Keyframe;
  const after = track.keyframes[last + 1];
  if (last < 0 || !after) return before;
  const along = Math.min(Math.max((time - before.time) / (after.time - before.time), 0), 1);
  const edge = (a: number, b: number) => a + along * (b - a);
  const [x, y] = [edge(before.x, after.x), edge(before.y, after.y)];
  return { x, y, width: edge(before.x + before.width, after.x + after.width) - x, height: edge(before.y + before.height, after.y + after.height) - y };
}

export function isThere(track: Track, time: number): boolean {
  const last = track.keyframes[lastAt(track, time)];
  return last !== undefined && !last.outside;
}

export function keyframeAt(track: Track, time: number): Keyframe | undefined {
  return track.keyframes.find((frame) => Math.abs(frame.time - time) < SAME);
}

/** The track with this keyframe, in the place of one at the same time. */
export function withKeyframe(track: Track, frame: Keyframe): Track {
  const others = track.keyframes.filter((one) => Math.abs(one.time - frame.time) >= SAME);
  return { ...track, keyframes: [...others, frame].sort((a, b) => a.time - b.time) };
}

/** The track with its box brought to a place at this time, where it is then. */
export function withPlace(track: Track, time: number, { x, y, width, height }: Place): Track {
  return withKeyframe(track, { time: millis(time), x, y, width, height, outside: false });
}

/** Without the keyframe at this time; undefined when nothing would be left. */
export function withoutKeyframe(track: Track, time: number): Track | undefined {
  const left = track.keyframes.filter((one) => Math.abs(one.time - time) >= SAME);
  const first = left.findIndex((one) => !one.outside);
  return first < 0 ? undefined : { ...track, keyframes: left.slice(first) };
}

/** It ends at this time, or is there again. A track cannot end before it has begun. */
export function toggled(track: Track, time: number): Track {
  if (time <= (track.keyframes[0]?.time ?? 0) + SAME) return track;
  return withKeyframe(track, { time: millis(time), ...copy(placeAt(track, time)), outside: isThere(track, time) });
}

const copy = ({ x, y, width, height }: Place): Place => ({ x, y, width, height });

/** Times from which to which it is there; the last one may go on to `end`. */
export function stretches({ keyframes }: Track, end: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  let from: number | undefined;
  for (const frame of keyframes) {
    if (!frame.outside) from ??= frame.time;
    else if (from !== undefined) {
      found.push({ from, to: frame.time });
      from = undefined;
    }
  }
  return from === undefined ? found : [...found, { from, to: Math.max(end, from) }];
}

/** As it goes into an answer: rounded, inside the video. */
export function settle(track: Track): Track {
  const within = (value: number) => round(Math.min(Math.max(value, 0), 1));
  return {
    ...track,
    keyframes: track.keyframes.map((frame) => {
      const [left, right] = [within(frame.x), within(frame.x + frame.width)];
      const [top, bottom] = [within(frame.y), within(frame.y + frame.height)];
      return { ...frame, time: millis(frame.time), x: left, y: top, width: round(right - left), height: round(bottom - top) };
    }),
  };
}

/** A place as a part of the video from one in its pixels, and the other way round. */
export const scaled = ({ x, y, width, height }: Place, across: number, down: number): Place => ({ x: x * across, y: y * down, width: width * across, height: height * down });

export function writeTracks(tracks: readonly Track[]): Json[] {
  return tracks.map(({ keyframes, label }) => ({
    keyframes: keyframes.map(({ outside, time, x, y, width, height }) => ({ time, x, y, width, height, ...(outside ? { outside } : {}) })),
    label,
  }));
}

/** The tracks of an answer or draft; undefined when it is no list. What cannot be drawn is dropped. */
export function readTracks(value: Json | undefined, labels: ReadonlySet<string>): Track[] | undefined {
  return Array.isArray(value) ? value.flatMap((entry) => readTrack(entry, labels) ?? []) : undefined;
}

function readTrack(entry: Json, labels: ReadonlySet<string>): Track | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { keyframes, label } = entry;
  if (typeof label !== "string" || !labels.has(label) || !Array.isArray(keyframes)) return undefined;
  const frames = keyframes.flatMap((frame) => readFrame(frame) ?? []).sort((a, b) => a.time - b.time);
  const first = frames.findIndex((frame) => !frame.outside);
  return first < 0 ? undefined : { keyframes: frames.slice(first), label };
}

function readFrame(entry: Json): Keyframe | undefined {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return undefined;
  const { time, x, y, width, height, outside = false } = entry;
  const numbers = [time, x, y, width, height];
  if (!numbers.every((number): number is number => typeof number === "number" && Number.isFinite(number))) return undefined;
  const [at = 0, left = 0, top = 0, wide = 0, high = 0] = numbers;
  return at >= 0 && wide > 0 && high > 0 ? { time: at, x: left, y: top, width: wide, height: high, outside: outside === true } : undefined;
}
