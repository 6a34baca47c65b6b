import { describe, expect, it } from "vitest";
import { ActiveTime, READING } from "./clock";

/** Let `seconds` pass second by second, as the page does. */
function pass(clock: ActiveTime, from: number, seconds: number): number {
  for (let i = 1; i <= seconds; i++) clock.tick(from + i * 1000);
  return from + seconds * 1000;
}

describe("active time", () => {
  it("counts reading without a sign of life for two minutes, and no more", () => {
    const clock = new ActiveTime(0, true);
    const now = pass(clock, 0, 119);
    expect(clock.seconds).toBe(119);
    expect(clock.running(now)).toBe(true);
    pass(clock, now, 600);
    expect(clock.seconds).toBe(READING / 1000);
  });

  it("goes on at each sign of life", () => {
    const clock = new ActiveTime(0, true);
    let now = pass(clock, 0, 100);
    clock.sign(now);
    now = pass(clock, now, 100);
    expect(clock.seconds).toBe(200);
  });

  it("does not count the pause before a late sign", () => {
    const clock = new ActiveTime(0, true);
    let now = pass(clock, 0, 300);
    clock.sign(now);
    now = pass(clock, now, 10);
    expect(clock.seconds).toBe(130);
  });

  it("does not count a hidden page", () => {
    const clock = new ActiveTime(0, true);
    let now = pass(clock, 0, 5);
    clock.show(now, false);
    now = pass(clock, now, 60);
    clock.show(now, true);
    pass(clock, now, 7);
    expect(clock.seconds).toBe(12);
  });

  it("does not count a sleeping machine", () => {
    const clock = new ActiveTime(0, true);
    const now = pass(clock, 0, 5);
    clock.tick(now + 60_000);
    clock.tick(now + 61_000);
    expect(clock.seconds).toBe(6);
  });

  it("counts nothing when the clock is set back", () => {
    const clock = new ActiveTime(10_000, true);
    clock.tick(4_000);
    clock.tick(5_000);
    expect(clock.seconds).toBe(1);
  });

  it("goes on from the seconds of a restored draft", () => {
    const clock = new ActiveTime(0, true, 42.5);
    clock.tick(500);
    expect(clock.seconds).toBe(43);
  });

  it("says so when it began hidden", () => {
    const clock = new ActiveTime(0, false);
    clock.tick(3_000);
    expect(clock.seconds).toBe(0);
    expect(clock.running(3_000)).toBe(false);
  });
});
