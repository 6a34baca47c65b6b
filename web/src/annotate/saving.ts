/** Every edit goes to the journal at once, and to the node when the person pauses. */
import { ApiError, saveDraft, SignedOut } from "../lib/api";
import type { Draft, Journal } from "./journal";
import type { Work } from "./work.svelte";

const PAUSE = 1_500; // ms without an edit before the draft goes to the node
const LONGEST = 6_000; // ms after which it goes although edits go on
const RETRY = 5_000; // ms after a failure

export interface SaverOptions {
  journal: Journal;
  person(): string;
  signedOut(): void;
  /** The journal could, or could not, keep an edit. */
  stored(kept: boolean): void;
  /** The node did or did not answer. */
  reached(answered: boolean): void;
}

export class Saver {
  #work: Work | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitingSince = 0;
  #sending = false;

  constructor(private readonly options: SaverOptions) {}

  /** An edit was made. */
  edited(work: Work): void {
    work.saved = "page";
    this.keep(work);
    // A correction is no draft of the node's: it stays here until it is handed in.
    if (work.mode === "correction" || work.refused) return;
    this.#work = work;
    this.#waitingSince ||= Date.now();
    this.#schedule(Math.min(PAUSE, Math.max(0, this.#waitingSince + LONGEST - Date.now())));
  }

  /** Put the present state into the journal. */
  keep(work: Work, onNode = false): void {
    const noted = work.noted;
    this.options.journal.keep(this.#draftOf(work, onNode)).then(
      () => {
        if (work.noted === noted && work.saved === "page") work.saved = "device";
        this.options.stored(true);
      },
      () => this.options.stored(false),
    );
  }

  /** Send what waits now; with `closing` in a way that outlives the page. */
  flush(closing = false): void {
    if (this.#work) void this.#send(this.#work, closing);
  }

  /** The work is handed in or put away: nothing of it is to be sent any more. */
  forget(work: Work): void {
    if (this.#work !== work) return;
    clearTimeout(this.#timer);
    this.#work = null;
    this.#waitingSince = 0;
  }

  #schedule(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), wait);
  }

  async #send(work: Work, closing: boolean): Promise<void> {
    if (this.#sending && !closing) return this.#schedule(PAUSE);
    clearTimeout(this.#timer);
    this.#sending = true;
    this.#waitingSince = 0;
    const noted = work.noted;
    try {
      await saveDraft(work.id, work.draft, closing ? { keepalive: true } : {});
      this.options.reached(true);
      this.#confirmed(work, noted === work.noted);
    } catch (error) {
      this.#failed(work, error);
    } finally {
      this.#sending = false;
    }
  }

  #confirmed(work: Work, newest: boolean): void {
    if (this.#work !== work || !newest) return;
    this.#work = null;
    work.saved = "node";
    this.keep(work, true);
  }

  #failed(work: Work, error: unknown): void {
    if (error instanceof SignedOut) return this.options.signedOut();
    if (error instanceof ApiError) {
      // The lease lapsed, or the node takes no drafts for it: the journal has it, handing in still works.
      work.late = true;
      return this.forget(work);
    }
    this.options.reached(false);
    if (this.#work === work) this.#schedule(RETRY);
  }

  #draftOf(work: Work, onNode: boolean): Draft {
    return {
      assignment_id: work.id,
      task_id: work.assignment.task_id,
      project_id: work.assignment.project_id,
      person: this.options.person(),
      answers: work.noted,
      seconds: work.seconds,
      revision: work.revision,
      edited_at: Date.now(),
      on_node: onNode,
    };
  }
}
