/** One task on the desk: its assignment, the answers so far, and how long it took. */
import type { Answers, Assignment, Form, Problem, When } from "../lib/api";
import type { Field, Json, Question } from "../widget";
import { ActiveTime } from "./clock";
import { asked, counting } from "./conditions";
import { Edits } from "./edits";
import type { Draft, Revision } from "./journal";
import type { Ready } from "./supply";

/** Where the newest edit lies. */
export type Saved = "nothing" | "device" | "node" | "page";

/** Edits also note which suggestions were put aside, so that `u` brings them back. No question has such an id. */
const ASIDE = "\u0000aside:";

/** A question with its defaults filled in. */
export type AskedQuestion = Question & { when: When | null };

export interface Start {
  /** "correction": the node has an answer already. */
  mode: "new" | "correction";
  revision: Revision;
  /** The answers that the edits start from. */
  answers: Answers;
  refused?: Problem | null;
  /** What the node has, where somebody changed it elsewhere meanwhile. */
  theirs?: Answers | null;
}

export class Work {
  readonly assignment: Assignment;
  readonly form: Form;
  readonly questions: AskedQuestion[];
  readonly fields: Field[];
  readonly mode: "new" | "correction";
  readonly revision: Revision;
  readonly refused: Problem | null;
  readonly theirs: Answers | null;

  #edits: Edits;
  #noted: Answers = $state.raw({});
  /** What a model said when it was asked in the middle of the task. */
  #told: Answers = $state.raw({});
  #clock: ActiveTime | undefined;
  #seconds: number;

  saved: Saved = $state("nothing");
  /** The lease has lapsed: the answer is kept, and counts if the place is still free. */
  late = $state(false);
  expires: number;
  /** The questions asked now. */
  readonly asked = $derived.by(() => asked(this.questions, this.#noted));

  constructor({ assignment, form, draft }: Ready, start?: Start) {
    this.assignment = assignment;
    this.form = form;
    this.questions = form.document.questions.map((question) => ({ help: "", required: true, when: null, ...question }));
    this.fields = form.document.fields.map((field) => ({ title: "", ...field }));
    this.mode = start?.mode ?? "new";
    this.revision = start?.revision ?? null;
    this.refused = start?.refused ?? null;
    this.theirs = start?.theirs ?? null;
    this.expires = Date.parse(assignment.expires_at);
    this.#edits = new Edits(start?.answers ?? assignment.draft ?? {});
    if (draft) this.#restore(draft);
    this.#seconds = draft?.seconds ?? 0;
    this.#noted = this.#edits.answers;
  }

  /** What this device kept goes on top of what the node has, so that `u` shows the other. */
  #restore(draft: Draft): void {
    if (draft.on_node && this.assignment.draft) return;
    const keys = new Set([...Object.keys(this.#edits.answers), ...Object.keys(draft.answers)]);
    for (const key of keys) this.#edits.change(key, draft.answers[key], draft.edited_at);
    this.saved = "device";
  }

  get id(): string {
    return this.assignment.id;
  }

  /** All that was noted, also to questions not asked at present: what the journal keeps. */
  get noted(): Answers {
    return this.#noted;
  }

  /** The node's draft: answers to the project's questions. */
  get draft(): Answers {
    const ids = new Set(this.questions.map(({ id }) => id));
    return Object.fromEntries(Object.entries(this.#noted).filter(([id]) => ids.has(id)));
  }

  /** The answers that count: what is handed in. */
  get counting(): Answers {
    return counting(this.questions, this.#noted);
  }

  get changed(): boolean {
    return this.#edits.changed;
  }

  get canUndo(): boolean {
    // Reading what the edits change makes this follow them.
    return this.#noted !== undefined && this.#edits.canUndo;
  }

  answer(question: string): Json | undefined {
    return this.#noted[question];
  }

  /** The suggestion to show where there is no answer yet. */
  suggestion(question: string): Json | undefined {
    const aside = this.#noted[ASIDE + question] === true;
    const pending = this.#noted[question] === undefined && !aside;
    return pending ? (this.#told[question] ?? this.assignment.suggestion?.[question] ?? undefined) : undefined;
  }

  /** Suggests what a model said just now, where there is no answer yet; whether that is anything. */
  tell(answers: Answers): boolean {
    this.#told = answers;
    return this.asked.some(({ id }) => answers[id] !== undefined && this.suggestion(id) !== undefined);
  }

  change(question: string, value: Json | undefined, now: number, typed = false): void {
    this.#edits.change(question, value, now, typed);
    this.#noted = this.#edits.answers;
  }

  accept(question: string, now: number): void {
    const suggested = this.suggestion(question);
    if (suggested !== undefined) this.change(question, suggested, now);
  }

  putAside(question: string, now: number): void {
    this.change(ASIDE + question, true, now);
  }

  /** Take the last edit back; gives its question. */
  undo(): string | undefined {
    return this.#step(this.#edits.undo());
  }

  redo(): string | undefined {
    return this.#step(this.#edits.redo());
  }

  #step(key: string | undefined): string | undefined {
    this.#noted = this.#edits.answers;
    return key?.startsWith(ASIDE) ? key.slice(ASIDE.length) : key;
  }

  // -- time

  /** It is on the screen from now on. */
  enter(now: number, visible: boolean): void {
    this.#clock = new ActiveTime(now, visible, this.#seconds);
  }

  leave(now: number): void {
    this.#clock?.tick(now);
    this.#seconds = this.seconds;
    this.#clock = undefined;
  }

  get clock(): ActiveTime | undefined {
    return this.#clock;
  }

  get seconds(): number {
    return this.#clock?.seconds ?? this.#seconds;
  }
}
