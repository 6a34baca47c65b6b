/** Which rows of a long list are on the screen. */

export interface Window {
  /** Index of the first row to draw. */
  first: number;
  /** Index behind the last one. */
  end: number;
}

/** Rows drawn before and behind those that are seen, so that scrolling shows no gaps. */
const MARGIN = 12;

/**
 * @param offset how far the list's top is above the window's, in pixels
 * @param height of the window, in pixels
 * @param row height of one row, in pixels
 * @param count of all rows
 */
export function visibleRows(offset: number, height: number, row: number, count: number): Window {
  const first = Math.max(0, Math.min(Math.floor(offset / row) - MARGIN, count));
  const end = Math.min(count, Math.max(first, Math.ceil((offset + height) / row) + MARGIN));
  return { first, end };
}

/** All indices between two, both included, in order. */
export function between(a: number, b: number): number[] {
  const [from, to] = a < b ? [a, b] : [b, a];
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
