import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { ApiError, type Problem, SignedOut, type Submitted, Unreachable } from "../lib/api";
import { type Draft, type Item, Journal } from "./journal";
import { backoff, Outbox, type OutboxOptions } from "./outbox";
import { memoryShelf, openShelf, type Shelf } from "./shelf";

const ME = "m1";

function item(journal: Journal, assignment: string, more: Partial<Item> = {}): Item {
  return {
    key: journal.newKey(1_000),
    kind: "submit",
    assignment_id: assignment,
    task_id: "t",
    project_id: "p",
    person: ME,
    answers: { q: assignment },
    seconds: 3,
    revision: null,
    reason: "",
    attempts: 0,
    refused: null,
    ...more,
  };
}

function draft(assignment: string, more: Partial<Draft> = {}): Draft {
  const base = { assignment_id: assignment, task_id: "t", project_id: "p", person: ME };
  return { ...base, answers: { q: 1 }, seconds: 1, revision: null, edited_at: 1, on_node: false, ...more };
}

function problem(status: number): Problem {
  return { type: "about:blank", title: "", status, detail: "no", rule: "r", where: "", remedy: "" };
}

/** A node that keeps one answer and a revision per assignment, and can be cut off. */
class Node {
  online = true;
  signedIn = true;
  /** Take it, and lose the answer on the way back. */
  loseAnswers = false;
  refuse = new Map<string, number>();
  fail = new Map<string, number>();
  got: { id: string; value: unknown; revision: number | null }[] = [];
  revisions = new Map<string, number>();

  deliver = async (sent: Item, revision: number | null): Promise<Submitted> => {
    if (!this.online) throw new Unreachable("no network");
    if (!this.signedIn) throw new SignedOut(problem(401));
    if (this.fail.has(sent.assignment_id)) throw new Unreachable("bad", 0, this.fail.get(sent.assignment_id));
    const refusal = this.refuse.get(sent.assignment_id);
    if (refusal) throw new ApiError(problem(refusal));
    const known = this.revisions.get(sent.assignment_id) ?? 0;
    const replay = (revision ?? 0) < known;
    if (!replay) {
      this.got.push({ id: sent.assignment_id, value: sent.answers["q"], revision });
      this.revisions.set(sent.assignment_id, known + 1);
    }
    if (this.loseAnswers) throw new Unreachable("cut off");
    const confirmed = replay ? known : known + 1;
    return {
      assignment_id: sent.assignment_id,
      state: "submitted",
      revision: confirmed,
      submitted_at: "",
      receipt: { origin: "", stream: "", n: 0, leaf: "" },
    };
  };
}

/** Time that passes when told to. */
class Later {
  waiting: { work: () => void; ms: number }[] = [];
  later = (work: () => void, ms: number): (() => void) => {
    const entry = { work, ms };
    this.waiting.push(entry);
    return () => (this.waiting = this.waiting.filter((other) => other !== entry));
  };
  pass(): void {
    const due = this.waiting;
    this.waiting = [];
    for (const { work } of due) work();
  }
}

function outboxOn(shelf: Shelf, node: Node, later: Later, more: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({
    journal: new Journal(shelf),
    deliver: node.deliver,
    alone: (work) => work(),
    persons: () => [ME],
    now: () => 1_000,
    later: later.later,
    changed: () => undefined,
    ...more,
  });
}

/** Let everything that is under way come to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

describe.each([
  ["IndexedDB", () => openShelf()],
  ["memory", () => Promise.resolve(memoryShelf())],
])("shelf: %s", (_name, open) => {
  it("gives back what was put, in the order of keys, and forgets what was removed", async () => {
    const shelf = await open();
    await shelf.write([
      { put: { n: 2 }, in: "outbox", key: "b" },
      { put: { n: 1 }, in: "outbox", key: "a" },
    ]);
    expect(await shelf.all("outbox")).toEqual([{ n: 1 }, { n: 2 }]);
    await shelf.write([
      { remove: "a", in: "outbox" },
      { put: { n: 3 }, in: "drafts", key: "c" },
    ]);
    expect(await shelf.get("outbox", "a")).toBeUndefined();
    expect(await shelf.get("drafts", "c")).toEqual({ n: 3 });
  });
});

describe("shelf", () => {
  it("says that it does not last when the browser forbids storage", async () => {
    globalThis.indexedDB = { open: () => { throw new DOMException("no", "SecurityError"); } } as unknown as IDBFactory;
    expect((await openShelf()).lasting).toBe(false);
  });

  it("does all changes of a write or none", async () => {
    const shelf = await openShelf();
    const bad = shelf.write([
      { put: { fine: true }, in: "drafts", key: "a" },
      { put: { refused: () => undefined }, in: "drafts", key: "b" },
    ]);
    await expect(bad).rejects.toThrow();
    expect(await shelf.all("drafts")).toEqual([]);
  });
});

describe("journal", () => {
  it("keeps the newest of many quick drafts, and outlives the page", async () => {
    const journal = new Journal(await openShelf());
    const writes = Array.from({ length: 50 }, (_, i) => journal.keep(draft("a1", { answers: { q: i } })));
    await Promise.all(writes);
    const reopened = new Journal(await openShelf());
    expect((await reopened.draft("a1"))?.answers).toEqual({ q: 49 });
  });

  it("does not bring a dropped draft back by a write that was on its way", async () => {
    const journal = new Journal(await openShelf());
    void journal.keep(draft("a1"));
    void journal.keep(draft("a1", { answers: { q: 2 } }));
    await journal.drop("a1");
    await settle();
    expect(await journal.draft("a1")).toBeUndefined();
  });

  it("turns a draft into an item in one step", async () => {
    const journal = new Journal(await openShelf());
    void journal.keep(draft("a1"));
    await journal.post(item(journal, "a1"));
    expect(await journal.draft("a1")).toBeUndefined();
    expect((await journal.items([ME])).map((kept) => kept.assignment_id)).toEqual(["a1"]);
  });

  it("keeps the draft of a task that is only flagged", async () => {
    const journal = new Journal(await openShelf());
    await journal.keep(draft("a1"));
    await journal.post(item(journal, "a1", { kind: "flag" }));
    expect(await journal.draft("a1")).toBeDefined();
  });

  it("files by person", async () => {
    const journal = new Journal(await openShelf());
    await journal.post(item(journal, "a1", { person: "other" }));
    expect(await journal.items([ME])).toEqual([]);
    expect(await journal.strangers([ME])).toBe(1);
  });

  it("makes keys that sort in the order of making, also within a millisecond and when the clock goes back", () => {
    const journal = new Journal(memoryShelf());
    const keys = [5, 5, 3, 6].map((now) => journal.newKey(now));
    expect([...keys].sort()).toEqual(keys);
  });

  it("forgets confirmed revisions after a week", async () => {
    const journal = new Journal(await openShelf());
    await journal.confirmed([item(journal, "a1")], 1, 0);
    await journal.tidy(6 * 86_400_000);
    expect(await journal.revision("a1")).toBe(1);
    await journal.tidy(8 * 86_400_000);
    expect(await journal.revision("a1")).toBeNull();
  });

  it("never forgets a draft that holds an answer", async () => {
    const journal = new Journal(await openShelf());
    await journal.keep(draft("a1"));
    await journal.keep(draft("a2", { answers: {} }));
    await journal.tidy(365 * 86_400_000);
    expect((await journal.drafts([ME])).map((kept) => kept.assignment_id)).toEqual(["a1"]);
  });

  it("counts the day's answers and seconds, a correction's seconds too", async () => {
    const journal = new Journal(await openShelf());
    await journal.confirmed([item(journal, "a1", { seconds: 10 })], 1, 0);
    await journal.confirmed([item(journal, "a1", { seconds: 5, revision: 1 })], 2, 0);
    expect(await journal.today(ME, 0)).toEqual({ seconds: 15, answers: 1 });
  });
});

describe("outbox", () => {
  let shelf: Shelf;
  let node: Node;
  let later: Later;
  beforeEach(async () => {
    shelf = await openShelf();
    node = new Node();
    later = new Later();
  });

  it("writes the item to the journal before it is sent", async () => {
    const journal = new Journal(shelf);
    let there = -1;
    const box = outboxOn(shelf, node, later, {
      journal,
      deliver: async (sent, revision) => {
        there = (await new Journal(await openShelf()).items([ME])).length;
        return node.deliver(sent, revision);
      },
    });
    await box.add(item(journal, "a1"));
    await settle();
    expect(there).toBe(1);
    expect(await journal.items([ME])).toEqual([]);
    expect(box.items).toEqual([]);
  });

  it("keeps all while offline and sends them in order when the node is back", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.online = false;
    for (const id of ["a1", "a2", "a3"]) await box.add(item(journal, id));
    await settle();
    expect(box.sending).toBe("offline");
    expect(box.waiting.length).toBe(3);
    node.online = true;
    later.pass();
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a1", "a2", "a3"]);
    expect(box.sending).toBe("idle");
  });

  it("loses nothing when the page dies: the next page sends what was left", async () => {
    const journal = new Journal(shelf);
    node.online = false;
    await outboxOn(shelf, node, later, { journal }).add(item(journal, "a1"));
    await settle();
    node.online = true;
    const next = outboxOn(await openShelf(), node, new Later());
    next.kick();
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a1"]);
  });

  it("counts an answer once although its confirmation was lost", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.loseAnswers = true;
    await box.add(item(journal, "a1"));
    await settle();
    node.loseAnswers = false;
    later.pass();
    await settle();
    expect(node.got.length).toBe(1);
    expect(box.items).toEqual([]);
    expect(await journal.revision("a1")).toBe(1);
  });

  it("stops when signed out, keeps all, and goes on after sign-in", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.signedIn = false;
    await box.add(item(journal, "a1"));
    await settle();
    expect(box.sending).toBe("signed-out");
    expect(later.waiting).toEqual([]);
    node.signedIn = true;
    box.kick();
    await settle();
    expect(node.got.length).toBe(1);
    expect(box.sending).toBe("idle");
  });

  it("keeps a refused answer with its reason, and sends the others", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.refuse.set("a1", 400);
    await box.add(item(journal, "a1"));
    await box.add(item(journal, "a2"));
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a2"]);
    expect(box.refusals.map((kept) => [kept.assignment_id, kept.refused?.status])).toEqual([["a1", 400]]);
    expect((await new Journal(await openShelf()).items([ME]))[0]?.answers).toEqual({ q: "a1" });
  });

  it("does not send a refused answer again by itself", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.refuse.set("a1", 409);
    await box.add(item(journal, "a1"));
    await settle();
    node.refuse.clear();
    box.kick();
    await settle();
    expect(node.got).toEqual([]);
    expect(box.refusals.length).toBe(1);
  });

  it("passes over one item at which the node stumbles, and comes back to it", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.fail.set("a1", 500);
    await box.add(item(journal, "a1"));
    await box.add(item(journal, "a2"));
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a2"]);
    expect(box.sending).toBe("offline");
    node.fail.clear();
    later.pass();
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a2", "a1"]);
  });

  it("gives a correction made offline the revision of the answer ahead of it", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.online = false;
    await box.add(item(journal, "a1"));
    await box.add(item(journal, "a1", { answers: { q: "better" }, revision: "after" }));
    await settle();
    node.online = true;
    later.pass();
    await settle();
    expect(node.got).toEqual([
      { id: "a1", value: "a1", revision: null },
      { id: "a1", value: "better", revision: 1 },
    ]);
  });

  it("lets a correction stand in for the refused answer ahead of it", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.refuse.set("a1", 400);
    await box.add(item(journal, "a1"));
    await settle();
    node.refuse.clear();
    await box.add(item(journal, "a1", { answers: { q: "better" }, revision: "after" }));
    await settle();
    expect(node.got).toEqual([{ id: "a1", value: "better", revision: null }]);
    expect(box.items).toEqual([]);
    expect(await journal.items([ME])).toEqual([]);
  });

  it("sends from memory, and says so, when the browser has no room", async () => {
    const journal = new Journal(shelf);
    const box = outboxOn(shelf, node, later, { journal });
    node.online = false;
    const write = shelf.write.bind(shelf);
    shelf.write = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
    await box.add(item(journal, "a1"));
    await settle();
    expect(box.kept).toBe(false);
    expect(box.waiting.length).toBe(1);
    shelf.write = write;
    node.online = true;
    later.pass();
    await settle();
    expect(node.got.length).toBe(1);
    expect(box.kept).toBe(true);
  });

  it("does not send what another person left on this device", async () => {
    const journal = new Journal(shelf);
    await journal.post(item(journal, "a1", { person: "other" }));
    const box = outboxOn(shelf, node, later, { journal });
    box.kick();
    await settle();
    expect(node.got).toEqual([]);
    expect(await journal.strangers([ME])).toBe(1);
  });

  it("sends each item once when two tabs share the journal", async () => {
    let last: Promise<void> = Promise.resolve();
    const alone = (work: () => Promise<void>) => (last = last.then(work));
    const journal = new Journal(shelf);
    const one = outboxOn(shelf, node, later, { journal, alone });
    const two = outboxOn(await openShelf(), node, later, { alone });
    node.online = false;
    for (const id of ["a1", "a2"]) await one.add(item(journal, id));
    await settle();
    node.online = true;
    one.kick();
    two.kick();
    await settle();
    expect(node.got.map(({ id }) => id)).toEqual(["a1", "a2"]);
  });
});

describe("backoff", () => {
  it("doubles up to half a minute, and spreads", () => {
    expect([1, 2, 3, 9].map((failures) => backoff(failures, 0))).toEqual([1000, 2000, 4000, 30_000]);
    expect(backoff(1, 1)).toBeLessThan(1000);
  });
});
