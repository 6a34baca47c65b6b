/** The next assignments, fetched ahead so that the next task is on the screen at once. */
import { ApiError, type Assignment, type Assignments, type Form, SignedOut, Unreachable, type Waiting } from "../lib/api";
import type { Draft } from "./journal";

/** An assignment with all that showing it needs. */
export interface Ready {
  assignment: Assignment;
  form: Form;
  /** What this device kept of it, when that is newer than the node's draft. */
  draft: Draft | undefined;
}

/** Why there is nothing to take. */
export type Lack =
  | { why: "loading" }
  | { why: Waiting }
  /** All that this person holds is open in another tab. */
  | { why: "other-tab" }
  | { why: "offline" }
  /** This person holds as many as they may: their answers must reach the node first. */
  | { why: "unsent" }
  | { why: "signed-out" }
  | { why: "refused"; error: ApiError };

export interface SupplyOptions {
  /** Ask the node for `count` more; it gives those first that are live and not in `have`. */
  next(have: string[], count: number): Promise<Assignments>;
  /** Load all that showing it needs. */
  prepare(assignment: Assignment): Promise<Ready>;
  /** Assignments that this tab holds and that are not in the supply: on screen, or unsent in the outbox. */
  held(): string[];
  claim(id: string): Promise<boolean>;
  release(id: string): void;
  /** What other tabs hold. */
  others(): Promise<string[]>;
  /** Ask other tabs to let go of what they have not begun; resolves when they have had the time. */
  spare(): Promise<void>;
  /** The node's time, ms. */
  now(): number;
  /** Call `work` after so many milliseconds; gives a function that forgets it. */
  later(work: () => void, ms: number): () => void;
  changed(): void;
  /** The session has lapsed: call `fill` when somebody has signed in. */
  signedOut(): void;
}

const ASK_AGAIN = 15_000; // ms between two questions while there is nothing
const ASK_SOON = 1_000; // ms after which a draw that was slow may be over
const RETRY = 3_000; // ms after an unreachable node
const MARGIN = 5_000; // ms that a lease must still last to be worth showing
const MISSES = 5; // times in a row after which it waits all the same
const SHARING = 60_000; // ms during which a tab fetches nothing ahead, after another had nothing to do

export class Supply {
  ready: Ready[] = [];
  lack: Lack = { why: "loading" };
  /** How many assignments one annotator may hold; known from the first form. */
  most = 3;

  #filling = false;
  #again = false;
  #closed = false;
  #sharing = 0;
  /** Times in a row that another tab was quicker. */
  #missed = 0;
  #forget: () => void = () => undefined;

  constructor(private readonly options: SupplyOptions) {}

  /** The next assignment whose lease still holds; undefined when there is none yet (see `lack`). */
  take(): Ready | undefined {
    let first = this.ready.shift();
    while (first && this.#lapsed(first)) {
      this.options.release(first.assignment.id);
      first = this.ready.shift();
    }
    // In the next turn, when the caller holds what it took.
    queueMicrotask(() => void this.fill());
    return first;
  }

  /** Another tab has nothing to do: give it what was fetched ahead, and hold one task at a time for a while. */
  share(): void {
    this.#sharing = this.options.now() + SHARING;
    this.letGo();
  }

  /** Let go of everything, for another tab. */
  letGo(): void {
    for (const { assignment } of this.ready) this.options.release(assignment.id);
    this.ready = [];
    this.options.changed();
  }

  close(): void {
    this.#closed = true;
    this.#forget();
    this.letGo();
  }

  /** Take these, which this device kept, as if the node had just given them. */
  async stock(assignments: Assignment[]): Promise<void> {
    await this.#accept(assignments);
  }

  /** Ask for as many as are lacking. Safe to call at any time. */
  async fill(): Promise<void> {
    this.#again = true;
    if (this.#filling) return;
    this.#filling = true;
    this.#forget();
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#fillOnce();
      }
    } finally {
      this.#filling = false;
    }
  }

  #lapsed({ assignment }: Ready): boolean {
    return Date.parse(assignment.expires_at) < this.options.now() + MARGIN;
  }

  async #fillOnce(): Promise<void> {
    const mine = [...this.options.held(), ...this.ready.map(({ assignment }) => assignment.id)];
    const count = (this.options.now() < this.#sharing ? 1 : this.most) - mine.length;
    if (count <= 0) return this.ready.length > 0 ? undefined : this.#lacking({ why: "unsent" });
    try {
      await this.#ask(mine, count);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #ask(mine: string[], count: number): Promise<void> {
    const others = await this.options.others();
    const { assignments, waiting } = await this.options.next([...mine, ...others], count);
    const missed = assignments.length > 0 && !(await this.#accept(assignments));
    this.#missed = missed ? this.#missed + 1 : 0;
    if (this.ready.length > 0) return;
    if (missed && this.#missed <= MISSES) {
      this.#again = true; // another tab asked at the same moment and was quicker: now it shows what it has
      return;
    }
    if (others.length > 0 && waiting !== "paused" && waiting !== "no-project" && this.lack.why !== "other-tab") {
      return this.#askTabs();
    }
    this.#lacking(others.length > 0 ? { why: "other-tab" } : { why: waiting ?? "all-leased" }, waiting === "drawing" ? ASK_SOON : ASK_AGAIN);
  }

  /** Other tabs hold all that there is: ask them once for what they have not begun. */
  async #askTabs(): Promise<void> {
    this.lack = { why: "other-tab" };
    this.#sharing = this.options.now() + SHARING;
    await this.options.spare();
    this.#again = true;
  }

  /** Get these ready; whether this tab has got any. */
  async #accept(assignments: Assignment[]): Promise<boolean> {
    let got = false;
    for (const assignment of assignments) {
      const known = [...this.options.held(), ...this.ready.map((ready) => ready.assignment.id)];
      if (known.includes(assignment.id) || !(await this.options.claim(assignment.id))) continue;
      try {
        const ready = await this.options.prepare(assignment);
        if (this.#closed) {
          this.options.release(assignment.id);
          return got;
        }
        got = true;
        this.ready.push(ready);
        this.lack = { why: "loading" };
        this.most = ready.form.document.prefetch ?? 3;
        this.options.changed();
      } catch (error) {
        // Not kept: it is asked for again. Kept without its form, it would never be shown.
        this.options.release(assignment.id);
        throw error;
      }
    }
    return got;
  }

  #failed(error: unknown): void {
    if (error instanceof SignedOut) {
      this.#lacking({ why: "signed-out" });
      this.options.signedOut();
    } else if (error instanceof ApiError) this.#lacking({ why: "refused", error });
    else this.#lacking({ why: "offline" }, Math.max(RETRY, error instanceof Unreachable ? error.wait : 0));
  }

  #lacking(lack: Lack, again?: number): void {
    this.lack = lack;
    if (again !== undefined && !this.#closed) this.#forget = this.options.later(() => void this.fill(), again);
    this.options.changed();
  }
}
