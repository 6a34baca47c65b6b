/** What this person has handed in, newest first: this page's own, then what the node remembers. */
import { type Answers, type AssignmentState, type HistoryRow, listHistory } from "../lib/api";
import type { Json } from "../widget";
import type { Item, Revision } from "./journal";
import type { Ready } from "./supply";
import type { Work } from "./work.svelte";

export interface Entry {
  assignment_id: string;
  task_id: string;
  /** The beginning of the task's first text. */
  summary: string;
  state: AssignmentState | "sending" | "refused";
  submitted_at: string;
  revision: Revision;
  /** In memory when it was answered on this page. */
  ready: Ready | undefined;
  answers: Answers | undefined;
}

const KEPT = 100; // tasks of this page that are kept in memory, to go back to at once

export class Past {
  entries: Entry[] = $state.raw([]);
  /** There are more on the node. */
  more = $state(true);
  loading = $state(false);
  #after: string | undefined;

  /** `project`: undefined for all of them. */
  constructor(private readonly project: string | undefined) {}

  at(index: number): Entry | undefined {
    return this.entries[index];
  }

  indexOf(assignment: string): number {
    return this.entries.findIndex((entry) => entry.assignment_id === assignment);
  }

  /** Note what was just handed in: on top when it is new, in its place when it is a correction. */
  handedIn(work: Work, answers: Answers): void {
    const entry: Entry = {
      assignment_id: work.id,
      task_id: work.assignment.task_id,
      summary: summaryOf(work),
      state: "sending",
      submitted_at: new Date().toISOString(),
      revision: "after",
      ready: { assignment: work.assignment, form: work.form, draft: undefined },
      answers,
    };
    const at = this.indexOf(work.id);
    if (at >= 0) this.entries = this.entries.with(at, entry);
    else this.entries = [entry, ...this.entries].map((one, i) => (i < KEPT ? one : { ...one, ready: undefined }));
  }

  /** The node has, or has refused, an item. */
  settle(item: Item, change: Partial<Entry>): void {
    const at = this.indexOf(item.assignment_id);
    const entry = this.entries[at];
    if (entry) this.entries = this.entries.with(at, { ...entry, ...change });
  }

  /** Load the next page of the node's list. Throws what `lib/api` throws. */
  async loadMore(): Promise<void> {
    if (!this.more || this.loading) return;
    this.loading = true;
    try {
      const page = await listHistory(this.project, this.#after);
      const known = new Set(this.entries.map(({ assignment_id }) => assignment_id));
      const fresh = page.items.filter(({ assignment_id }) => !known.has(assignment_id));
      this.entries = [...this.entries, ...fresh.map(entryOf)];
      this.#after = page.next ?? undefined;
      this.more = page.next !== null;
    } finally {
      this.loading = false;
    }
  }
}

function entryOf(row: HistoryRow): Entry {
  return { ...row, ready: undefined, answers: undefined };
}

const SUMMARY = 140; // characters

/** The beginning of the first field that holds a text. */
function summaryOf(work: Work): string {
  const texts = work.fields.map(({ name }) => textOf(work.assignment.data[name])).filter(Boolean);
  const text = (texts[0] ?? "").replace(/\s+/g, " ").trim();
  return text.length > SUMMARY ? `${text.slice(0, SUMMARY).trimEnd()}…` : text;
}

function textOf(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(textOf).filter(Boolean).join(" ");
  const content = typeof value === "object" && value !== null ? value["content"] : undefined;
  return typeof content === "string" ? content : "";
}
