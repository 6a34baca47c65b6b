import { describe, expect, it } from "vitest";
import { ApiError, type Import, type Problem } from "../../lib/api";
import { Cancelled, PART_BYTES, persist, uploadFile } from "./upload";

/** No waiting, and no end without an error either: what fails ten times in a row fails here. */
const quick = async (tries: number) => {
  if (tries > 10) throw new Error("tried too often");
};
const never = new AbortController().signal;

function counted() {
  const seen = { progress: [] as number[], waiting: [] as boolean[] };
  return { seen, progress: (n: number) => seen.progress.push(n), waiting: (w: boolean) => seen.waiting.push(w) };
}

/** A node's memory of one upload, over a line that drops as told. */
function receiver(drops: ("before" | "after" | undefined)[]) {
  const bytes: number[] = [];
  const state = (): Import => ({ id: "i1", received: bytes.length }) as Import;
  return {
    bytes,
    state,
    getImport: async () => state(),
    sendPart: async (_id: string, offset: number, part: Blob) => {
      const drop = drops.shift();
      if (drop === "before") throw new TypeError("network");
      expect(offset).toBe(bytes.length);
      for (const byte of new Uint8Array(await part.arrayBuffer())) bytes.push(byte);
      if (drop === "after") throw new TypeError("network");
      return state();
    },
  };
}

describe("uploadFile", () => {
  const content = Uint8Array.from({ length: PART_BYTES * 2 + 5 }, (_, i) => i % 251);
  const file = new Blob([content]);

  it("sends each byte once although the line drops before and after parts", async () => {
    const node = receiver(["before", undefined, "after", "before"]);
    const watch = counted();
    await uploadFile(node.state(), file, watch, never, node, quick);
    expect(node.bytes.length).toBe(content.length);
    expect(node.bytes.every((byte, i) => byte === content[i])).toBe(true);
    expect(watch.seen.waiting).toContain(true);
    expect(watch.seen.waiting.at(-1)).toBe(false);
  });

  it("goes on where an earlier visit stopped", async () => {
    const node = receiver([]);
    node.bytes.push(...content.slice(0, 7));
    await uploadFile(node.state(), file, counted(), never, node, quick);
    expect(node.bytes.length).toBe(content.length);
    expect(node.bytes.every((byte, i) => byte === content[i])).toBe(true);
  });
});

describe("persist", () => {
  it("throws what the node refuses, without another try", async () => {
    let tries = 0;
    const refuse = async () => {
      tries += 1;
      throw new ApiError({ detail: "too large", status: 413 } as Problem);
    };
    await expect(persist(refuse, counted(), never, quick)).rejects.toThrow("too large");
    expect(tries).toBe(1);
  });

  it("stops when cancelled", async () => {
    const stop = new AbortController();
    const fail = async () => {
      stop.abort();
      throw new TypeError("network");
    };
    await expect(persist(fail, counted(), stop.signal, quick)).rejects.toThrow(Cancelled);
  });
});
