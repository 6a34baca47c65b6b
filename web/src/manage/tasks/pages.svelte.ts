/** A list of any length, fetched page by page as far as somebody looks. */
import { listTasks, type TaskFilter, type TaskRow } from "../../lib/api";
import { type Trouble, troubleOf } from "../attempt";

const PAGE = 100; // rows a request
const EMPTY_PAGES = 50; // pages without a hit that one look goes through before it asks whether to go on

export class TaskPages {
  rows: TaskRow[] = $state.raw([]);
  /** All that match, where the node keeps count; null where it would have to count. */
  total: number | null = $state(null);
  /** Of a search: tasks that its index has yet to take in. */
  behind = $state(0);
  loading = $state(false);
  /** There is nothing behind the last row. */
  complete = $state(false);
  /** Many pages without a hit: it stopped to ask. */
  paused = $state(false);
  trouble: Trouble | undefined = $state.raw();
  #after: string | undefined;
  #stop = new AbortController();
  readonly #project: string;
  #filter: TaskFilter = {};

  constructor(project: string) {
    this.#project = project;
  }

  /** Begin anew with this filter. What is shown stays until the first page is here. */
  async restart(filter: TaskFilter): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#filter = filter;
    this.#after = undefined;
    this.complete = this.loading = false;
    await this.more(true);
  }

  /** Fetch the next rows, unless that is under way or there are none. */
  async more(first = false): Promise<void> {
    if (this.loading || this.complete) return;
    const { signal } = this.#stop;
    this.loading = true;
    this.paused = false;
    try {
      await this.#fetch(first, signal);
      if (!signal.aborted) this.trouble = undefined;
    } catch (error) {
      if (!signal.aborted) this.trouble = troubleOf(error);
    }
    if (!signal.aborted) this.loading = false;
  }

  /** A search looks through a stretch of tasks a page, so a page may be empty and not the last. */
  async #fetch(first: boolean, signal: AbortSignal): Promise<void> {
    let fresh = first;
    for (let pages = 0; pages < EMPTY_PAGES; pages += 1) {
      const page = await listTasks(this.#project, this.#filter, this.#after, PAGE, signal);
      if (signal.aborted) return;
      this.rows = fresh ? page.items : [...this.rows, ...page.items];
      fresh = false;
      this.total = page.total ?? this.total;
      if (pages === 0) this.total = page.total;
      this.behind = page.behind ?? 0;
      this.#after = page.next ?? undefined;
      this.complete = page.next === null || page.next === undefined;
      if (page.items.length > 0 || this.complete) return;
    }
    this.paused = true;
  }
}
