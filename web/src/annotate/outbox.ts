/**
 * The outbox: first written to the journal, then sent, in order, until the node has answered.
 *
 * The assignment's id is the idempotency key, so sending again is always safe. What the node
 * refuses stays here with its reason until the person has looked at it.
 */
import { ApiError, SignedOut, type Submitted, Unreachable } from "../lib/api";
import type { Item, Journal } from "./journal";

/** How sending goes: nothing to do, under way, no answer from the node, not signed in. */
export type Sending = "idle" | "sending" | "offline" | "signed-out";

export interface OutboxOptions {
  journal: Journal;
  /** Send one item. `revision` is the one that it replaces. Throws what `lib/api` throws. */
  deliver(item: Item, revision: number | null): Promise<Submitted | undefined>;
  /** Run `work` while no other tab sends. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Member ids of who is signed in: only their items are sent. */
  persons(): readonly string[];
  now(): number;
  /** Call `work` after so many milliseconds; gives a function that forgets it. */
  later(work: () => void, ms: number): () => void;
  /** Items or state have changed. */
  changed(): void;
  /** The session has lapsed: call `kick` when somebody has signed in. */
  signedOut?(): void;
  confirmed?(item: Item, answer: Submitted | undefined): void;
  refused?(item: Item): void;
}

const FIRST_WAIT = 1_000; // ms
const LONGEST_WAIT = 30_000; // ms

/** How long to wait after so many failures: doubling, with a third of chance so that clients spread out. */
export function backoff(failures: number, chance: number): number {
  const full = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, failures - 1));
  return full * (1 - chance / 3);
}

export class Outbox {
  /** All that is not confirmed, oldest first, as far as this tab knows. */
  items: Item[] = [];
  sending: Sending = "idle";
  /** False when the journal could not keep an item: it is then in this page only. */
  kept = true;

  #unkept = new Map<string, Item>(); // in this page only
  #posting = new Map<string, Item>(); // on their way into the journal: not yet sent
  #running = false;
  #again = false;
  #failures = 0;
  #forget: () => void = () => undefined;

  constructor(private readonly options: OutboxOptions) {}

  get waiting(): Item[] {
    return this.items.filter((item) => item.refused === null);
  }

  get refusals(): Item[] {
    return this.items.filter((item) => item.refused !== null);
  }

  /** Put an item in and send it. Resolves when it is in the journal, or known not to be. */
  async add(item: Item): Promise<void> {
    this.items = [...this.items, item];
    this.#posting.set(item.key, item);
    this.options.changed();
    try {
      await this.options.journal.post(item);
    } catch {
      // No space or no permission: send from memory at once, and say so meanwhile.
      this.#unkept.set(item.key, item);
      this.kept = false;
    }
    this.#posting.delete(item.key);
    this.kick();
  }

  /** Send now what waits, also when a wait was under way. */
  kick(): void {
    this.#forget();
    if (this.#running) {
      this.#again = true;
      return;
    }
    void this.#run();
  }

  /** Read the journal again: another tab has changed it. */
  async refresh(): Promise<void> {
    const persons = this.options.persons();
    const kept = await this.options.journal.items(persons).catch(() => [] as Item[]);
    const items = new Map(kept.map((item) => [item.key, item]));
    for (const item of [...this.#unkept.values(), ...this.#posting.values()]) {
      if (persons.includes(item.person)) items.set(item.key, item);
    }
    this.items = [...items.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    this.options.changed();
  }

  /** Forget a refused item. */
  async discard(item: Item): Promise<void> {
    await this.#forgetItems([item]);
    await this.options.journal.remove(item.key);
    this.options.changed();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      do {
        this.#again = false;
        await this.options.alone(() => this.#sendAll());
      } while (this.#again);
    } finally {
      this.#running = false;
    }
  }

  async #sendAll(): Promise<void> {
    await this.refresh();
    if (this.waiting.length > 0) this.#state("sending");
    for (let item = this.#next(""); item; item = this.#next(item.key)) {
      if (!(await this.#sendOne(item))) return;
    }
    const postponed = this.waiting.some(({ attempts }) => attempts > 0);
    this.#state(postponed ? "offline" : "idle");
  }

  #next(after: string): Item | undefined {
    return this.waiting.find(({ key }) => key > after && !this.#posting.has(key));
  }

  /** Send one; false when there is no use in going on to the next. */
  async #sendOne(item: Item): Promise<boolean> {
    try {
      const earlier = this.refusals.filter(
        (other) => other.assignment_id === item.assignment_id && other.kind === "submit" && other.key < item.key,
      );
      const answer = await this.options.deliver(item, await this.#revision(item, earlier));
      await this.#confirm(item, item.kind === "submit" ? earlier : [], answer);
      return true;
    } catch (error) {
      return this.#failed(item, error);
    }
  }

  /** "after" becomes the number that the item ahead got; if that was refused, this one stands in its place. */
  async #revision(item: Item, earlier: Item[]): Promise<number | null> {
    if (item.revision !== "after") return item.revision;
    const acked = await this.options.journal.revision(item.assignment_id);
    const first = earlier[0]?.revision;
    return acked ?? (typeof first === "number" ? first : null);
  }

  async #confirm(item: Item, replaced: Item[], answer: Submitted | undefined): Promise<void> {
    this.#failures = 0;
    const done = [...replaced, item];
    // If the page dies before this write, the item is sent again and answered the same.
    await this.options.journal.confirmed(done, answer?.revision ?? null, this.options.now()).catch(() => undefined);
    await this.#forgetItems(done);
    this.options.confirmed?.(item, answer);
    this.options.changed();
  }

  async #forgetItems(done: Item[]): Promise<void> {
    const keys = new Set(done.map(({ key }) => key));
    for (const key of keys) this.#unkept.delete(key);
    this.items = this.items.filter(({ key }) => !keys.has(key));
    this.kept = this.#unkept.size === 0;
  }

  async #failed(item: Item, error: unknown): Promise<boolean> {
    if (error instanceof SignedOut) {
      this.#state("signed-out");
      this.options.signedOut?.();
      return false;
    }
    if (error instanceof ApiError) {
      await this.#refuse(item, error);
      return true;
    }
    return this.#postpone(item, error instanceof Unreachable ? error : new Unreachable(String(error)));
  }

  async #refuse(item: Item, error: ApiError): Promise<void> {
    await this.#replace({ ...item, refused: error.problem });
    this.options.refused?.(item);
  }

  async #postpone(item: Item, error: Unreachable): Promise<boolean> {
    await this.#replace({ ...item, attempts: item.attempts + 1 });
    this.#failures += 1;
    const wait = Math.max(error.wait, backoff(this.#failures, Math.random()));
    this.#forget();
    this.#forget = this.options.later(() => this.kick(), wait);
    // A node that stumbles over this one item (500) may well take the others.
    if (error.status === 500) return true;
    this.#state("offline");
    return false;
  }

  async #replace(item: Item): Promise<void> {
    this.items = this.items.map((other) => (other.key === item.key ? item : other));
    if (this.#unkept.has(item.key)) this.#unkept.set(item.key, item);
    else await this.options.journal.put(item).catch(() => undefined);
    this.options.changed();
  }

  #state(sending: Sending): void {
    if (this.sending === sending) return;
    this.sending = sending;
    this.options.changed();
  }
}
