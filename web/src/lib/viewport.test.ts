import { describe, expect, it } from "vitest";
import { fit, pan, toPicture, zoomAt } from "./viewport";

const picture = { width: 4000, height: 2000 };
const frame = { width: 800, height: 600 };

describe("viewport", () => {
  it("fits the whole picture in the middle, and enlarges nothing", () => {
    expect(fit(picture, frame)).toEqual({ scale: 0.2, x: 0, y: 100 });
    expect(fit({ width: 100, height: 100 }, frame)).toEqual({ scale: 1, x: 350, y: 250 });
  });

  it("zooms about a point, which keeps its place", () => {
    const at = { x: 300, y: 280 };
    const before = fit(picture, frame);
    const after = zoomAt(before, 4, at, picture, frame);
    expect(after.scale).toBeCloseTo(0.8);
    expect(toPicture(after, at).x).toBeCloseTo(toPicture(before, at).x);
    expect(toPicture(after, at).y).toBeCloseTo(toPicture(before, at).y);
  });

  it("never loses the picture and never gets smaller than the whole of it", () => {
    const far = pan({ scale: 1, x: 0, y: 0 }, { x: -99999, y: 99999 }, picture, frame);
    expect(far).toEqual({ scale: 1, x: 800 - 4000, y: 0 });
    expect(zoomAt(far, 0.0001, { x: 0, y: 0 }, picture, frame)).toEqual(fit(picture, frame));
    expect(zoomAt(far, 1e9, { x: 0, y: 0 }, picture, frame).scale).toBe(32);
  });
});
