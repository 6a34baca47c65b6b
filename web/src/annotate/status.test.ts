import { describe, expect, it } from "vitest";
import { type Facts, statusOf } from "./status";

const calm: Facts = {
  signedOut: false,
  stored: true,
  reached: true,
  sending: "idle",
  waiting: 0,
  refused: 0,
  saved: "node",
  localOnly: false,
};
const key = (more: Partial<Facts>) => statusOf({ ...calm, ...more }).key;

describe("the status line", () => {
  it("says 'on the server' only when all is there", () => {
    expect(key({})).toBe("status.node");
    expect(key({ waiting: 1, sending: "sending" })).toBe("status.sending");
    expect(key({ saved: "device" })).toBe("status.sending");
    expect(key({ saved: "page" })).toBe("status.page");
  });

  it("does not claim to send a correction before it is handed in", () => {
    expect(key({ saved: "device", localOnly: true })).toBe("status.device");
  });

  it("counts what is unsent while offline", () => {
    expect(statusOf({ ...calm, sending: "offline", waiting: 3 })).toMatchObject({ key: "status.offline.unsent", count: 3 });
    expect(key({ reached: false })).toBe("status.offline");
  });

  it("puts being signed out before all else", () => {
    expect(key({ signedOut: true, sending: "offline", refused: 2 })).toBe("status.out");
  });

  it("warns when the browser keeps nothing", () => {
    expect(key({ stored: false })).toBe("status.unkept");
    expect(statusOf({ ...calm, stored: false, waiting: 2 }).tone).toBe("bad");
  });

  it("never hides a refused answer behind 'saved'", () => {
    expect(statusOf({ ...calm, refused: 1 })).toMatchObject({ key: "status.refused", action: "look" });
  });
});
