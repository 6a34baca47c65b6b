// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./theme.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map((m) => [m[1] ?? "", [m[2] ?? "", m[3] ?? ""]]),
);

/** Relative luminance of WCAG 2.2. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string, mode: number): number {
  const pair = [one, other].map((name) => luminance(tokens.get(name)?.[mode] ?? "#nope00"));
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}

const surfaces = ["ground", "surface", "raised", "sunken", "hover"];
const hues = Array.from({ length: 10 }, (_, i) => `hue-${i}`);

describe.each([
  ["light", 0],
  ["dark", 1],
])("contrast in %s", (_name, mode) => {
  it.each(["ink", "ink-soft", "ink-faint"])("text %s on every surface", (ink) => {
    for (const surface of surfaces) expect(contrast(ink, surface, mode), `${ink} on ${surface}`).toBeGreaterThanOrEqual(4.5);
  });

  it.each([
    ["accent", "surface"],
    ["accent", "ground"],
    ["accent", "accent-soft"],
    ["accent-ink", "accent"],
    ["accent-ink", "accent-strong"],
    ["ink", "accent-soft"],
    ["ink-soft", "accent-soft"],
    ["good", "good-soft"],
    ["warn", "warn-soft"],
    ["bad", "bad-soft"],
    ["good", "surface"],
    ["warn", "surface"],
    ["bad", "ground"],
    ["bad", "raised"],
  ])("text %s on %s", (ink, surface) => {
    expect(contrast(ink, surface, mode)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["line-strong", "focus", ...hues])("control part %s", (part) => {
    for (const surface of ["ground", "surface", "raised"])
      expect(contrast(part, surface, mode), `${part} on ${surface}`).toBeGreaterThanOrEqual(3);
  });
});
