/** Reading a signed checkpoint (C2SP tlog-checkpoint, signed-note) to show it. Checking it is the verifier's work. */

export interface Checkpoint {
  origin: string;
  /** Leaves in the tree. */
  size: number;
  /** Base64 of the tree's root hash. */
  root: string;
  /** Names of those who signed. */
  signers: string[];
}

/** The checkpoint; undefined when the text is none. */
export function readCheckpoint(note: string): Checkpoint | undefined {
  const [body = "", signatures = ""] = note.split("\n\n");
  const [origin = "", size = "", root = ""] = body.split("\n");
  if (origin === "" || !/^(0|[1-9]\d*)$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root)) return undefined;
  const signers = signatures
    .split("\n")
    .filter((line) => line.startsWith("— "))
    .map((line) => line.split(" ")[1] ?? "");
  return { origin, size: Number(size), root, signers };
}
