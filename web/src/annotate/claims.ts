/**
 * Several tabs of one browser: each works on assignments of its own, and one sends at a time.
 *
 * A claim is a Web Lock, which the browser frees when its tab dies. Where a page may not use locks
 * (plain HTTP on another host than this one), tabs ask each other over a BroadcastChannel.
 */

/** What tabs tell each other. */
export type Word =
  /** The outbox or the session changed. */
  | { say: "changed" }
  /** A tab has nothing to work on: give it what you have not begun. */
  | { say: "spare" }
  /** A tab takes over all that you hold. */
  | { say: "hand-over" }
  | { say: "who" }
  | { say: "mine"; ids: string[] };

const PREFIX = "evenhand/assignment/";
const OUTBOX = "evenhand/outbox";
const ANSWER_WITHIN = 80; // ms in which other tabs tell what they hold

export class Claims {
  readonly #mine = new Map<string, () => void>();
  readonly #channel: BroadcastChannel;
  readonly #locks: LockManager | undefined;
  #heard: Set<string> | null = null;

  /** `hear` is called for each word of another tab. */
  constructor(
    private readonly hear: (word: Word) => void,
    locks: LockManager | undefined = globalThis.navigator?.locks,
    name = "evenhand",
  ) {
    this.#locks = locks;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event: MessageEvent<Word>) => this.#receive(event.data);
  }

  say(word: Word): void {
    this.#channel.postMessage(word);
  }

  /** Take this assignment for this tab; false when another tab has it. */
  async claim(id: string): Promise<boolean> {
    if (this.#mine.has(id)) return true;
    if (this.#locks) return this.#lock(this.#locks, id);
    if ((await this.others()).includes(id)) return false;
    this.#mine.set(id, () => undefined);
    return true;
  }

  #lock(locks: LockManager, id: string): Promise<boolean> {
    return new Promise((resolve) => {
      void locks.request(PREFIX + id, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        // Held until the promise resolves, at the latest when the tab dies.
        return new Promise<void>((free) => this.#mine.set(id, free));
      });
    });
  }

  release(id: string): void {
    this.#mine.get(id)?.();
    this.#mine.delete(id);
  }

  /** What other tabs work on. */
  async others(): Promise<string[]> {
    const ids = this.#locks ? await this.#locked(this.#locks) : await this.#ask();
    return ids.filter((id) => !this.#mine.has(id));
  }

  async #locked(locks: LockManager): Promise<string[]> {
    const { held = [] } = await locks.query();
    const names = held.map(({ name }) => name ?? "").filter((name) => name.startsWith(PREFIX));
    return names.map((name) => name.slice(PREFIX.length));
  }

  async #ask(): Promise<string[]> {
    const heard = (this.#heard ??= new Set());
    this.say({ say: "who" });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN));
    this.#heard = null;
    return [...heard];
  }

  /** Do `work` while no other tab does; without locks at once, since sending twice is harmless. */
  alone(work: () => Promise<void>): Promise<void> {
    return this.#locks ? this.#locks.request(OUTBOX, work).then(() => undefined) : work();
  }

  #receive(word: Word): void {
    if (word.say === "who") this.say({ say: "mine", ids: [...this.#mine.keys()] });
    else if (word.say === "mine") for (const id of word.ids) this.#heard?.add(id);
    else this.hear(word);
  }

  close(): void {
    for (const id of [...this.#mine.keys()]) this.release(id);
    this.#channel.close();
  }
}
