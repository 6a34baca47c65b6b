import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Claims, type Word } from "./claims";

/** The lock manager of one browser, as the Web Locks standard has it (exclusive, `ifAvailable`). */
class Locks {
  #held = new Set<string>();
  #queues = new Map<string, Promise<unknown>>();

  async request(name: string, ...rest: unknown[]): Promise<unknown> {
    const work = rest.at(-1) as (lock: unknown) => unknown;
    const options = (rest.length > 1 ? rest[0] : {}) as { ifAvailable?: boolean };
    if (options.ifAvailable && this.#held.has(name)) return work(null);
    const turn = (this.#queues.get(name) ?? Promise.resolve()).then(async () => {
      this.#held.add(name);
      try {
        return await work({ name });
      } finally {
        this.#held.delete(name);
      }
    });
    this.#queues.set(name, turn.catch(() => undefined));
    return turn;
  }

  async query(): Promise<{ held: { name: string }[] }> {
    return { held: [...this.#held].map((name) => ({ name })) };
  }
}

/** Carries words before any timer runs, as it does in a browser that has nothing else to do. */
class Channel {
  static #open = new Set<Channel>();
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    Channel.#open.add(this);
  }

  postMessage(word: unknown): void {
    for (const other of Channel.#open) {
      if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data: structuredClone(word) }));
    }
  }

  close(): void {
    Channel.#open.delete(this);
  }
}

const open: Claims[] = [];
let run = 0;
beforeEach(() => {
  vi.stubGlobal("BroadcastChannel", Channel);
});
afterEach(() => {
  for (const claims of open.splice(0)) claims.close();
  vi.unstubAllGlobals();
  run += 1;
});

function tab(locks: Locks | undefined, hear: (word: Word) => void = () => undefined): Claims {
  const claims = new Claims(hear, locks as unknown as LockManager, `test-${run}`);
  open.push(claims);
  return claims;
}

describe.each([
  ["with locks", () => new Locks()],
  ["by asking", () => undefined],
])("claims, %s", (_name, browser) => {
  it("gives an assignment to one tab, and to the next when it is free", async () => {
    const locks = browser();
    const [one, two] = [tab(locks), tab(locks)];
    expect(await one.claim("a1")).toBe(true);
    expect(await one.claim("a1")).toBe(true);
    expect(await two.claim("a1")).toBe(false);
    expect(await two.others()).toEqual(["a1"]);
    expect(await one.others()).toEqual([]);
    one.release("a1");
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(await two.claim("a1")).toBe(true);
  });

  it("frees all when a tab is closed", async () => {
    const locks = browser();
    const [one, two] = [tab(locks), tab(locks)];
    await one.claim("a1");
    one.close();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(await two.others()).toEqual([]);
  });
});

describe("claims", () => {
  it("carries words to the other tabs and not back", async () => {
    const heard: string[] = [];
    const one = tab(undefined, (word) => heard.push(`one ${word.say}`));
    tab(undefined, (word) => heard.push(`two ${word.say}`));
    one.say({ say: "spare" });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(heard).toEqual(["two spare"]);
  });

  it("lets one tab send at a time", async () => {
    const locks = new Locks();
    const [one, two] = [tab(locks), tab(locks)];
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all([one.alone(work), two.alone(work)]);
    expect(most).toBe(1);
  });
});
