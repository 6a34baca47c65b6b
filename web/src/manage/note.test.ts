import { expect, it } from "vitest";
import { readCheckpoint } from "./note";

const root = `${"A".repeat(43)}=`;

it("reads origin, size, root and who signed", () => {
  const note = `log.example/1\n42\n${root}\n\n— log.example/1 abcd\n— witness.example efgh\n`;
  expect(readCheckpoint(note)).toEqual({
    origin: "log.example/1",
    size: 42,
    root,
    signers: ["log.example/1", "witness.example"],
  });
});

it("takes nothing else for a checkpoint", () => {
  for (const text of ["", "<!doctype html>", `log\n042\n${root}\n\n`, `log\n4\nshort\n\n`]) {
    expect(readCheckpoint(text)).toBeUndefined();
  }
});
