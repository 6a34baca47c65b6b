/** A piece of a text as it was, as it is, or both. */
export interface Piece {
  kind: "same" | "gone" | "new";
  text: string;
}

/** Cells of the table that is still computed at once; beyond it the differing middle counts as replaced. */
const MOST_CELLS = 4_000_000;

const words = (text: string) => text.match(/\s+|[\p{L}\p{N}\p{M}_]+|[^]/gu) ?? [];

/** The change from one text to another, word by word, as a longest common subsequence. */
export function diff(before: string, after: string): Piece[] {
  const [a, b] = [words(before), words(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middle = between(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same = (text: string[]): Piece => ({ kind: "same", text: text.join("") });
  return joined([same(a.slice(0, head)), ...middle, same(a.slice(a.length - tail))]);
}

function between(a: string[], b: string[]): Piece[] {
  if (a.length * b.length > MOST_CELLS) return [{ kind: "gone", text: a.join("") }, { kind: "new", text: b.join("") }];
  const common = table(a, b);
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) pieces.push({ kind: "same", text: a[i] ?? "" }), i++, j++;
    else if (j >= b.length || (i < a.length && common(i + 1, j) >= common(i, j + 1))) pieces.push({ kind: "gone", text: a[i++] ?? "" });
    else pieces.push({ kind: "new", text: b[j++] ?? "" });
  }
  return pieces;
}

/** Length of the longest common subsequence of a[i:] and b[j:], for all i and j. */
function table(a: string[], b: string[]): (i: number, j: number) => number {
  const width = b.length + 1;
  const cells = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const [down = 0, right = 0, both = 0] = [cells[(i + 1) * width + j], cells[i * width + j + 1], cells[(i + 1) * width + j + 1]];
      cells[i * width + j] = a[i] === b[j] ? both + 1 : Math.max(down, right);
    }
  return (i, j) => cells[i * width + j] ?? 0;
}

/** Neighbours of one kind become one piece; what is gone stands before what is new. */
function joined(pieces: Piece[]): Piece[] {
  const out: Piece[] = [];
  let run: { gone: string; new: string } = { gone: "", new: "" };
  const flush = () => {
    if (run.gone) out.push({ kind: "gone", text: run.gone });
    if (run.new) out.push({ kind: "new", text: run.new });
    run = { gone: "", new: "" };
  };
  for (const { kind, text } of pieces) {
    if (kind !== "same") run[kind] += text;
    else if (text) {
      flush();
      const last = out[out.length - 1];
      if (last?.kind === "same") last.text += text;
      else out.push({ kind, text });
    }
  }
  flush();
  return out;
}
