/** The edits of one task, each of which can be undone and done again. */
import type { Answers } from "../lib/api";
import type { Json } from "../widget";
import { same } from "./conditions";

/** One step: what was answered to `question` before and after; undefined is "no answer". */
interface Edit {
  question: string;
  before: Json | undefined;
  after: Json | undefined;
  /** Milliseconds; the last keystroke of a run of typing. */
  at: number;
  typed: boolean;
}

/** Keystrokes closer together than this are one step, so that `u` takes back a phrase and not a letter. */
const RUN = 700; // ms

export class Edits {
  #answers: Answers;
  #start: Answers;
  #done: Edit[] = [];
  #undone: Edit[] = [];

  constructor(start: Answers = {}) {
    this.#start = start;
    this.#answers = { ...start };
  }

  /** The answers now. A new object after each change. */
  get answers(): Answers {
    return this.#answers;
  }

  /** Whether the answers differ from those at the start. */
  get changed(): boolean {
    return !same(this.#answers, this.#start);
  }

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  /** Note that `question` is now answered by `value`; `typed` when it came from a keystroke in a text. */
  change(question: string, value: Json | undefined, at: number, typed = false): void {
    const before = this.#answers[question];
    if (same(before, value)) return;
    const last = this.#done.at(-1);
    this.#undone = [];
    this.#put(question, value);
    if (typed && last?.typed && last.question === question && at - last.at < RUN) {
      last.after = value;
      last.at = at;
    } else {
      this.#done.push({ question, before, after: value, at, typed });
    }
  }

  /** Take the last step back; gives the question that it changed, or undefined when there is none. */
  undo(): string | undefined {
    const edit = this.#done.pop();
    if (!edit) return undefined;
    this.#undone.push(edit);
    this.#put(edit.question, edit.before);
    return edit.question;
  }

  /** Do the step last undone again. */
  redo(): string | undefined {
    const edit = this.#undone.pop();
    if (!edit) return undefined;
    this.#done.push(edit);
    this.#put(edit.question, edit.after);
    return edit.question;
  }

  #put(question: string, value: Json | undefined): void {
    const { [question]: _, ...rest } = this.#answers;
    this.#answers = value === undefined ? rest : { ...rest, [question]: value };
  }
}
