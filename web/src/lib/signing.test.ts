import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { commitment, keyId, possessionText, slotOf, statementText } from "./signing";

const vectors = JSON.parse(readFileSync(resolve(__dirname, "../../../tests/vectors/ledger.json"), "utf8"));
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const said = vectors.statement;

test("statements are those that Python makes", () => {
  const statement = { ...said, origin: vectors.origin, kind: "submitted" };
  expect(statementText(statement)).toBe(said.text);
});

test("keys are named as Python names them", async () => {
  const key = bytes(said.actor_public);
  expect(await keyId(said.holder, key)).toBe(said.key);
  expect(possessionText(vectors.origin, said.holder, key)).toBe(said.possession);
});

test("commitments and slots are those of the specification", async () => {
  for (const one of vectors.commitments) {
    const made = await commitment(vectors.origin, one.kind, one.field, bytes(one.salt), new TextEncoder().encode(one.value));
    expect(made).toBe(one.commitment);
  }
  expect(await slotOf("asg-1")).toBe("3e6721760c247eb290d8eb07ffecc764");
});
