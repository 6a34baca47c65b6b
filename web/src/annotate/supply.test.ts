import { describe, expect, it } from "vitest";
import { ApiError, type Assignment, type Assignments, type Form, SignedOut, Unreachable } from "../lib/api";
import { Supply, type SupplyOptions } from "./supply";

const HOUR = 3_600_000;
const form: Form = {
  project_id: "p",
  version: 1,
  document: { name: "p", fields: [], questions: [], prefetch: 3 },
  widgets: {},
  changed: null,
};

function assignment(id: string, expires = HOUR): Assignment {
  const until = new Date(expires).toISOString();
  return { id, task_id: `t-${id}`, project_id: "p", version: 1, data: {}, expires_at: until, suggestion: null, draft: null, place: ["pool", 0] };
}

/** A node with a row of assignments, of which one person may hold three. */
class Node {
  left = ["a1", "a2", "a3", "a4", "a5"];
  live: string[] = [];
  waiting: Assignments["waiting"] = "nothing-left";
  error: Error | null = null;
  asked: { have: string[]; count: number }[] = [];
  expires = HOUR;

  next = async (have: string[], count: number): Promise<Assignments> => {
    this.asked.push({ have, count });
    if (this.error) throw this.error;
    const again = this.live.filter((id) => !have.includes(id));
    const fresh = this.left.splice(0, Math.max(0, Math.min(count - again.length, 3 - this.live.length)));
    this.live.push(...fresh);
    const ids = [...again, ...fresh].slice(0, count);
    return { assignments: ids.map((id) => assignment(id, this.expires)), waiting: ids.length ? null : this.waiting };
  };
}

class Bench {
  held: string[] = [];
  claimed = new Set<string>();
  elsewhere: string[] = [];
  now = 0;
  later: { work: () => void; ms: number }[] = [];
  node = new Node();
  supply: Supply;

  constructor(more: Partial<SupplyOptions> = {}) {
    this.supply = new Supply({
      next: this.node.next,
      prepare: async (one) => ({ assignment: one, form, draft: undefined }),
      held: () => this.held,
      claim: async (id) => !this.elsewhere.includes(id) && !!this.claimed.add(id),
      release: (id) => void this.claimed.delete(id),
      others: async () => this.elsewhere,
      spare: async () => undefined,
      now: () => this.now,
      later: (work, ms) => {
        const entry = { work, ms };
        this.later.push(entry);
        return () => (this.later = this.later.filter((other) => other !== entry));
      },
      changed: () => undefined,
      signedOut: () => undefined,
      ...more,
    });
  }

  get ids(): string[] {
    return this.supply.ready.map((ready) => ready.assignment.id);
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
const problem = { type: "", title: "", status: 403, detail: "no", rule: "", where: "", remedy: "" };

describe("supply", () => {
  it("fetches as many as one person may hold, and one more for each that is handed in", async () => {
    const bench = new Bench();
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a1", "a2", "a3"]);
    const first = bench.supply.take();
    bench.held = [first!.assignment.id];
    await settle();
    expect(bench.ids).toEqual(["a2", "a3"]);
    bench.held = [];
    bench.node.live = bench.node.live.filter((id) => id !== "a1");
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a2", "a3", "a4"]);
  });

  it("never holds the same assignment twice", async () => {
    const bench = new Bench();
    await Promise.all([bench.supply.fill(), bench.supply.fill(), bench.supply.fill()]);
    expect(new Set(bench.ids).size).toBe(bench.ids.length);
  });

  it("passes over an assignment whose lease has lapsed", async () => {
    const bench = new Bench();
    await bench.supply.fill();
    bench.now = 2 * HOUR;
    bench.node.live = [];
    bench.node.expires = 3 * HOUR;
    expect(bench.supply.take()).toBeUndefined();
    await settle();
    expect(bench.ids).toEqual(["a4", "a5"]);
    expect(bench.claimed.has("a1")).toBe(false);
  });

  it("takes no assignment that another tab works on, and tells the node", async () => {
    const bench = new Bench();
    bench.node.live = ["x1"];
    bench.elsewhere = ["x1"];
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a1", "a2"]);
    expect(bench.node.asked[0]?.have).toEqual(["x1"]);
  });

  it("asks again at once when another tab asked at the same moment and was quicker", async () => {
    const bench: Bench = new Bench({
      claim: async (id) => {
        if (id.startsWith("a")) return true;
        bench.elsewhere = [id]; // only now does anybody see that the other tab has it
        return false;
      },
    });
    bench.node.left = [];
    bench.node.live = ["x1"];
    const { next } = bench.node;
    bench.node.next = async (have, count) => {
      if (have.includes("x1")) bench.node.left = ["a1"];
      return next(have, count);
    };
    const supply = new Supply({ ...bench.supply["options"], next: bench.node.next });
    await supply.fill();
    expect(supply.ready.map((ready) => ready.assignment.id)).toEqual(["a1"]);
  });

  it("does not ask for ever for what it cannot have", async () => {
    const bench = new Bench({ claim: async () => false });
    await bench.supply.fill();
    expect(bench.node.asked.length).toBeLessThan(10);
    expect(bench.later.length).toBe(1);
  });

  it("asks other tabs for what they have not begun, when they hold everything", async () => {
    let asked = 0;
    const bench: Bench = new Bench({
      spare: async () => {
        asked += 1;
        bench.elsewhere = ["x1"];
      },
    });
    bench.node.live = ["x1", "x2", "x3"];
    bench.elsewhere = ["x1", "x2", "x3"];
    await bench.supply.fill();
    expect(asked).toBe(1);
    // One, so that the tabs do not take the tasks from each other in turn.
    expect(bench.ids).toEqual(["x2"]);
  });

  it("holds one task at a time for a while when another tab has had nothing to do", async () => {
    const bench = new Bench();
    await bench.supply.fill();
    bench.supply.share();
    bench.node.live = [];
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a4"]);
    bench.now = 61_000;
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a4", "a5"]);
  });

  it("says so when the other tab cannot spare any", async () => {
    const bench = new Bench();
    bench.node.live = ["x1"];
    bench.node.left = [];
    bench.elsewhere = ["x1"];
    await bench.supply.fill();
    expect(bench.supply.lack).toEqual({ why: "other-tab" });
  });

  it("says why there is nothing, and asks again later", async () => {
    const bench = new Bench();
    bench.node.left = [];
    bench.node.waiting = "all-leased";
    await bench.supply.fill();
    expect(bench.supply.lack).toEqual({ why: "all-leased" });
    bench.node.left = ["b1"];
    for (const { work } of bench.later) work();
    await settle();
    expect(bench.ids).toEqual(["b1"]);
  });

  it.each([
    [new Unreachable("no"), "offline", 1],
    [new SignedOut({ ...problem, status: 401 }), "signed-out", 0],
    [new ApiError(problem), "refused", 0],
  ])("tells %s apart", async (error, why, retries) => {
    const bench = new Bench();
    bench.node.error = error;
    await bench.supply.fill();
    expect(bench.supply.lack.why).toBe(why);
    expect(bench.later.length).toBe(retries);
    bench.node.error = null;
    await bench.supply.fill();
    expect(bench.ids.length).toBe(3);
  });

  it("frees what it could not prepare, so that it is asked for again", async () => {
    let broken = true;
    const bench: Bench = new Bench({
      prepare: async (one) => {
        if (broken) throw new Unreachable("no form");
        return { assignment: one, form, draft: undefined };
      },
    });
    await bench.supply.fill();
    expect(bench.ids).toEqual([]);
    expect(bench.claimed.size).toBe(0);
    broken = false;
    await bench.supply.fill();
    expect(bench.ids[0]).toBe("a1");
  });

  it("waits for the outbox when all that one may hold is unsent", async () => {
    const bench = new Bench();
    bench.held = ["u1", "u2", "u3"];
    await bench.supply.fill();
    expect(bench.supply.lack).toEqual({ why: "unsent" });
    expect(bench.node.asked).toEqual([]);
    bench.held = ["u3"];
    await bench.supply.fill();
    expect(bench.ids).toEqual(["a1", "a2"]);
  });

  it("lets go of all when another tab takes over", async () => {
    const bench = new Bench();
    await bench.supply.fill();
    bench.supply.letGo();
    expect(bench.ids).toEqual([]);
    expect(bench.claimed.size).toBe(0);
  });
});
