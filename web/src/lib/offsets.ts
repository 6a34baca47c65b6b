/**
 * Offsets in texts. The DOM and JavaScript count UTF-16 units, answers count Unicode code points
 * (as Python does), so 😀 is two here and one there.
 */

/** Both countings of one text, for many conversions: O(n) once, then O(log n) or less. */
export class Offsets {
  /** Index in UTF-16 units of each astral character (those that take two units), ascending. */
  private readonly astral: Uint32Array;
  readonly units: number;
  /** Length in code points. */
  readonly points: number;

  constructor(text: string) {
    const astral: number[] = [];
    for (let i = 0; i < text.length; i += 1) {
      const high = text.charCodeAt(i);
      if (high < 0xd800 || high > 0xdbff || i + 1 >= text.length) continue;
      const low = text.charCodeAt(i + 1);
      if (low >= 0xdc00 && low <= 0xdfff) astral.push(i++);
    }
    this.astral = Uint32Array.from(astral);
    this.units = text.length;
    this.points = text.length - astral.length;
  }

  /** Code points before this UTF-16 offset; one inside a pair counts as the pair's start. Clamped to the text. */
  toPoints(units: number): number {
    const at = Math.min(Math.max(units, 0), this.units);
    return at - this.astralBelow((i) => (this.astral[i] ?? 0) < at);
  }

  /** The UTF-16 offset of this many code points. Clamped to the text. */
  toUnits(points: number): number {
    const at = Math.min(Math.max(points, 0), this.points);
    return at + this.astralBelow((i) => (this.astral[i] ?? 0) - i < at);
  }

  /** How many astral characters hold, given that those which hold come first. */
  private astralBelow(holds: (i: number) => boolean): number {
    let low = 0;
    let high = this.astral.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Length of a text in code points. */
export function lengthInPoints(text: string): number {
  return new Offsets(text).points;
}
