/**
 * The local journal: what a person typed and the node has not confirmed yet.
 *
 * It keeps answers and ids, never the task's data, and drops both as soon as the node has them.
 * Everything is filed under the person, since several may use one browser.
 */
import type { Answers, Problem } from "../lib/api";
import type { Change, Shelf } from "./shelf";

/** Answers begun and not yet handed in. */
export interface Draft {
  assignment_id: string;
  task_id: string;
  project_id: string;
  /** Member id. */
  person: string;
  answers: Answers;
  /** Active time so far. */
  seconds: number;
  /** The revision that this corrects; null for a first answer. */
  revision: Revision;
  /** When it was last edited; milliseconds since 1970, this device's clock. */
  edited_at: number;
  /** The node has exactly these answers as its draft. */
  on_node: boolean;
}

/** A revision by number; "after" is the one that an item further ahead in the outbox will get. */
export type Revision = number | "after" | null;

/** Something to send. */
export interface Item {
  /** Sorts in the order in which the items were made. */
  key: string;
  kind: "submit" | "skip" | "flag";
  assignment_id: string;
  task_id: string;
  project_id: string;
  person: string;
  answers: Answers;
  seconds: number;
  revision: Revision;
  /** Of a skip or a flag. */
  reason: string;
  /** How often it was sent without getting an answer. */
  attempts: number;
  /** Why the node did not take it; null while it may still be sent. */
  refused: Problem | null;
}

/** What was sent from this device on one day. */
export interface Day {
  seconds: number;
  answers: number;
}

/** The revision that the node last confirmed for an assignment. */
interface Acked {
  assignment_id: string;
  revision: number;
  at: number;
}

const ACKED_FOR = 7 * 86_400_000; // ms that a confirmed revision is remembered
const EMPTY_FOR = 86_400_000; // ms that the reading time of a task without any answer is remembered

export class Journal {
  #lastKey = 0;
  #writing = false;
  #waiting = new Map<string, Draft>();
  #idle: Promise<void> = Promise.resolve();

  constructor(readonly shelf: Shelf) {}

  // -- drafts

  /**
   * Keep this draft; resolves when it is kept. Called at every edit: while one write runs, newer
   * drafts wait, and only the newest of each assignment is written after it.
   */
  keep(draft: Draft): Promise<void> {
    this.#waiting.set(draft.assignment_id, draft);
    if (!this.#writing) this.#idle = this.#drain();
    return this.#idle;
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.size > 0) {
        const drafts = [...this.#waiting.values()];
        this.#waiting.clear();
        await this.shelf.write(drafts.map((draft) => ({ put: draft, in: "drafts", key: draft.assignment_id })));
      }
    } finally {
      this.#writing = false;
    }
  }

  /** Forget a draft, also one that waits to be written. */
  async drop(assignment: string): Promise<void> {
    this.#waiting.delete(assignment);
    // A write that is on its way would bring it back.
    await this.#idle.catch(() => undefined);
    await this.shelf.write([{ remove: assignment, in: "drafts" }]);
  }

  draft(assignment: string): Promise<Draft | undefined> {
    return this.shelf.get("drafts", assignment);
  }

  async drafts(persons: readonly string[]): Promise<Draft[]> {
    return (await this.shelf.all<Draft>("drafts")).filter((draft) => persons.includes(draft.person));
  }

  // -- outbox

  /** A key that sorts behind all that this page made before. */
  newKey(now: number): string {
    this.#lastKey = Math.max(now, this.#lastKey + 1);
    return `${this.#lastKey.toString(36).padStart(9, "0")}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** Turn a draft into an item to send, in one step, so that a crash leaves exactly one of them. */
  async post(item: Item): Promise<void> {
    const changes: Change[] = [{ put: item, in: "outbox", key: item.key }];
    if (item.kind !== "flag") {
      this.#waiting.delete(item.assignment_id);
      await this.#idle.catch(() => undefined);
      changes.push({ remove: item.assignment_id, in: "drafts" });
    }
    await this.shelf.write(changes, true);
  }

  async items(persons: readonly string[]): Promise<Item[]> {
    return (await this.shelf.all<Item>("outbox")).filter((item) => persons.includes(item.person));
  }

  /** How many items of other people lie here. */
  async strangers(persons: readonly string[]): Promise<number> {
    return (await this.shelf.all<Item>("outbox")).filter((item) => !persons.includes(item.person)).length;
  }

  put(item: Item): Promise<void> {
    return this.shelf.write([{ put: item, in: "outbox", key: item.key }]);
  }

  /** The node has it: forget these items, remember the revision and count the work of the day. */
  async confirmed(items: readonly Item[], revision: number | null, now: number): Promise<void> {
    const item = items.at(-1);
    if (!item) return;
    const changes: Change[] = items.map(({ key }) => ({ remove: key, in: "outbox" }));
    if (revision !== null) {
      const acked: Acked = { assignment_id: item.assignment_id, revision, at: now };
      changes.push({ put: acked, in: "acked", key: item.assignment_id }, await this.#counted(item, now));
    }
    await this.shelf.write(changes);
  }

  async #counted(item: Item, now: number): Promise<Change> {
    const key = dayKey(item.person, now);
    const day = (await this.shelf.get<Day>("days", key)) ?? { seconds: 0, answers: 0 };
    const first = item.revision === null ? 1 : 0;
    return { put: { seconds: day.seconds + item.seconds, answers: day.answers + first }, in: "days", key };
  }

  remove(key: string): Promise<void> {
    return this.shelf.write([{ remove: key, in: "outbox" }]);
  }

  async revision(assignment: string): Promise<number | null> {
    return (await this.shelf.get<Acked>("acked", assignment))?.revision ?? null;
  }

  /** What was sent today. */
  async today(person: string, now: number): Promise<Day> {
    return (await this.shelf.get<Day>("days", dayKey(person, now))) ?? { seconds: 0, answers: 0 };
  }

  // -- versions seen

  async seen(person: string, project: string): Promise<number | null> {
    return (await this.shelf.get<{ version: number }>("seen", `${person}/${project}`))?.version ?? null;
  }

  saw(person: string, project: string, version: number): Promise<void> {
    return this.shelf.write([{ put: { version }, in: "seen", key: `${person}/${project}` }]);
  }

  /** Forget what nobody will ask for any more: confirmed revisions, and drafts that hold no answer. */
  async tidy(now: number): Promise<void> {
    const acked = (await this.shelf.all<Acked>("acked")).filter(({ at }) => now - at > ACKED_FOR);
    const drafts = (await this.shelf.all<Draft>("drafts")).filter(
      ({ answers, edited_at }) => Object.keys(answers).length === 0 && now - edited_at > EMPTY_FOR,
    );
    await this.shelf.write([
      ...acked.map(({ assignment_id }): Change => ({ remove: assignment_id, in: "acked" })),
      ...drafts.map(({ assignment_id }): Change => ({ remove: assignment_id, in: "drafts" })),
    ]);
  }
}

/** A day in the person's own time zone. */
function dayKey(person: string, now: number): string {
  const day = new Date(now);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${person}/${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
