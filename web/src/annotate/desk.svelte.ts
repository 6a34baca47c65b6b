/**
 * The desk: one annotator at work on one project, or on whatever a shared pool gives out.
 *
 * It puts tasks on the screen, hands answers to the outbox and never waits for the network while
 * there is a task to show. The rules live in the modules that it joins.
 */
import {
  ApiError,
  type Assignment,
  extend,
  type Form,
  getAssignment,
  getForm,
  listHistory,
  listPools,
  listWork,
  mediaAddress,
  nextAssignments,
  nodeNow,
  type Problem,
  SignedOut,
  type Submitted,
} from "../lib/api";
import { askModel } from "../lib/api.models";
import { dropTask, keepFile, keepTask, keptTasks } from "../lib/kept";
import { isMedium, ownMedium } from "../lib/media";
import { loadWidget } from "../labels/load";
import type { Json } from "../widget";
import type { Claims } from "./claims";
import type { Draft, Item, Journal, Revision } from "./journal";
import type { Outbox } from "./outbox";
import { type Entry, Past } from "./past.svelte";
import { Saver } from "./saving";
import type { Person } from "./session.svelte";
import { type Lack, type Ready, Supply } from "./supply";
import { type Start, Work } from "./work.svelte";

export interface DeskParts {
  /** A project, or a shared pool. */
  place: string;
  person: Person;
  journal: Journal;
  outbox: Outbox;
  claims: Claims;
  /** Something happened that the person should hear of. */
  tell(what: Told, problem?: Problem): void;
}

/** How far the place is; a shared pool tells no total. */
export interface Row {
  name: string;
  tasks: number;
  done: number;
  mine: number;
  sent_back: number;
}

/** Whether this is the id of a shared pool. */
const isPool = (place: string): boolean => place.startsWith("pool-");

/** What the desk tells; the page has the words. */
export type Told =
  | "submitted"
  | "corrected"
  | "skipped"
  | "flagged"
  | "surplus"
  | "refused"
  | "elsewhere"
  | "unreachable"
  | "first"
  | "kept";

export const later = (work: () => void, ms: number): (() => void) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/** A task as this device keeps it for a reload without the node. */
type Kept = { assignment: Assignment; form: Form };

const HAND_OVER = 250; // ms that another tab gets to let go

export class Desk {
  readonly place: string;
  readonly pool: boolean;
  readonly past: Past;
  readonly supply: Supply;

  current: Work | null = $state.raw(null);
  lack: Lack = $state.raw({ why: "loading" });
  /** Tasks fetched ahead. */
  ahead = $state(0);
  /** Another tab has taken over. */
  moved = $state(false);
  /** The browser keeps what is typed. */
  stored = $state(true);
  /** The node answered the last call. */
  reached = $state(true);
  row: Row | undefined = $state.raw();
  opening = $state(false);

  /** The project's name, as this device kept it. */
  #remembered = $state("");
  /** The task that waits while an earlier one is corrected. */
  #parked: Work | null = null;
  readonly #forms = new Map<string, Promise<Form>>();
  readonly #seen = new Map<string, number>();
  readonly #saver: Saver;

  constructor(private readonly parts: DeskParts) {
    const { place, person, journal, claims } = parts;
    this.place = place;
    this.pool = isPool(place);
    this.past = new Past(this.pool ? undefined : place);
    const from = this.pool ? { pool: place } : { project_id: place };
    this.stored = journal.shelf.lasting;
    this.#saver = new Saver({
      journal,
      person: () => person.id,
      signedOut: () => (person.out = true),
      stored: (kept) => (this.stored = kept && journal.shelf.lasting),
      reached: (answered) => (this.reached = answered),
    });
    this.supply = new Supply({
      next: (have, count) => nextAssignments(from, have, count),
      prepare: (assignment) => this.#prepareAhead(assignment),
      held: () => this.#held(),
      claim: (id) => claims.claim(id),
      release: (id) => claims.release(id),
      others: () => claims.others(),
      spare: () => this.#askTabs("spare"),
      now: nodeNow,
      later,
      changed: () => this.#supplied(),
      signedOut: () => (person.out = true),
    });
  }

  /** Begin. */
  async open(): Promise<void> {
    void this.refreshRow();
    if (this.parts.person.assumed) await this.#unpack().catch(() => undefined);
    await this.supply.fill();
  }

  /** The node does not answer: go on with the tasks that this device kept and whose leases still hold. */
  async #unpack(): Promise<void> {
    const kept = (await keptTasks<Kept>()).filter(({ assignment }) => this.pool || assignment.project_id === this.place);
    const lapsed = kept.filter(({ assignment }) => Date.parse(assignment.expires_at) < nodeNow());
    for (const { assignment } of lapsed) this.#forgetKept(assignment.id, assignment.task_id);
    for (const { form, assignment } of kept) {
      this.#forms.set(`${assignment.project_id} ${form.version}`, Promise.resolve(form));
      this.#remembered = form.document.name;
    }
    await this.supply.stock(kept.filter((one) => !lapsed.includes(one)).map(({ assignment }) => assignment));
  }

  close(): void {
    this.#putAway();
    this.#drop(this.#parked);
    this.#parked = null;
    this.supply.close();
  }

  /** The project's name, from whatever is known first. */
  get name(): string {
    return this.current?.form.document.name ?? this.row?.name ?? this.#remembered;
  }

  get position(): number {
    return this.current?.mode === "correction" ? this.past.indexOf(this.current.id) : -1;
  }

  async refreshRow(): Promise<void> {
    try {
      this.row = (this.pool ? await this.#poolRow() : await this.#projectRow()) ?? this.row;
    } catch (error) {
      if (error instanceof SignedOut) this.parts.person.out = true;
    }
  }

  async #projectRow(): Promise<Row | undefined> {
    return (await listWork()).items.find(({ project_id }) => project_id === this.place);
  }

  async #poolRow(): Promise<Row | undefined> {
    const found = (await listPools()).items.find(({ pool }) => pool === this.place);
    return found && { name: "", tasks: 0, done: 0, mine: found.mine, sent_back: 0 };
  }

  form(project: string, version: number): Promise<Form> {
    const key = `${project} ${version}`;
    const known = this.#forms.get(key);
    if (known) return known;
    const loading = getForm(project, version);
    this.#forms.set(key, loading);
    loading.catch(() => this.#forms.delete(key));
    return loading;
  }

  media(work: Work, field: string): string {
    return ownMedium(work.assignment.data[field]) ? mediaAddress(work.assignment.task_id, field) : "";
  }

  // -- supply

  /** Form, widgets, pictures and the local draft are here before the task is shown. */
  async #prepare(assignment: Assignment): Promise<Ready> {
    const [form, draft] = await Promise.all([this.form(assignment.project_id, assignment.version), this.#draft(assignment)]);
    const used = new Set(form.document.questions.map(({ type }) => form.widgets[type]).filter((at) => at !== undefined));
    // A widget that does not load is told where it should stand; the task is shown all the same.
    await Promise.allSettled([...used].map(loadWidget));
    this.#prefetchMedia(assignment, form);
    return { assignment, form, draft };
  }

  /** As `#prepare`, and kept for a reload without the node, with all that it shows. */
  async #prepareAhead(assignment: Assignment): Promise<Ready> {
    const ready = await this.#prepare(assignment);
    const files = ready.form.document.fields
      .filter(({ name, type }) => isMedium(type) && ownMedium(assignment.data[name]))
      .map(({ name }) => mediaAddress(assignment.task_id, name));
    // What cannot be kept, for want of room, is missed only there.
    void Promise.allSettled([
      this.#keep(assignment, ready.form),
      ...[...files, ...Object.values(ready.form.widgets)].map(keepFile),
    ]);
    return ready;
  }

  #keep(assignment: Assignment, form: Form): Promise<void> {
    const kept: Kept = { assignment, form };
    return keepTask(assignment.id, kept);
  }

  #forgetKept(assignment: string, task: string): void {
    void dropTask(assignment, task).catch(() => undefined);
  }

  /** What this device kept, for this assignment or an earlier one of the same task. */
  async #draft(assignment: Assignment): Promise<Draft | undefined> {
    const { journal, person } = this.parts;
    try {
      const own = await journal.draft(assignment.id);
      if (own && person.ids.includes(own.person)) return own;
      const drafts = await journal.drafts(person.ids);
      return drafts.find(({ task_id, revision }) => task_id === assignment.task_id && revision === null);
    } catch {
      return undefined;
    }
  }

  #prefetchMedia(assignment: Assignment, form: Form): void {
    for (const { name, type } of form.document.fields) {
      if (type === "image" && ownMedium(assignment.data[name])) new Image().src = mediaAddress(assignment.task_id, name);
    }
  }

  #held(): string[] {
    const open = [this.current, this.#parked].filter((work) => work?.mode === "new").map((work) => (work as Work).id);
    const unsent = this.parts.outbox.items.filter(({ kind, revision }) => kind !== "flag" && revision === null);
    return [...new Set([...open, ...unsent.map(({ assignment_id }) => assignment_id)])];
  }

  #supplied(): void {
    this.lack = this.supply.lack;
    this.ahead = this.supply.ready.length;
    this.reached = this.lack.why !== "offline";
    if (!this.current && !this.moved && !this.opening && this.ahead > 0) this.#advance();
  }

  #advance(): void {
    const parked = this.#parked;
    this.#parked = null;
    const ready = parked ? undefined : this.supply.take();
    this.#show(parked ?? (ready ? new Work(ready) : null));
    this.ahead = this.supply.ready.length;
  }

  #show(work: Work | null): void {
    this.current = work;
    work?.enter(performance.now(), document.visibilityState === "visible");
  }

  /** Take the current work off the screen and keep it in the journal. */
  #putAway(): Work | null {
    const work = this.current;
    if (!work) return null;
    work.leave(performance.now());
    this.#saver.flush();
    if (work.changed) this.#saver.keep(work);
    this.current = null;
    return work;
  }

  #drop(work: Work | null): void {
    if (work) this.parts.claims.release(work.id);
  }

  // -- answering

  change(question: string, value: Json | undefined, typed: boolean): void {
    this.#edit((work) => work.change(question, value, Date.now(), typed));
  }

  accept(question: string): void {
    this.#edit((work) => work.accept(question, Date.now()));
  }

  /** Ask the model what it says, with the answers so far; whether it said anything new. */
  async ask(): Promise<boolean> {
    const work = this.current;
    if (!work) return false;
    const said = await askModel(work.assignment.id, work.counting);
    return work === this.current && work.tell(said.answers);
  }

  putAside(question: string): void {
    this.#edit((work) => work.putAside(question, Date.now()));
  }

  redo(): string | undefined {
    return this.#edit((work) => work.redo());
  }

  /** Replace the answers by those that the node has. */
  useTheirs(): void {
    this.#edit((work) => {
      for (const { id } of work.questions) work.change(id, work.theirs?.[id], Date.now());
    });
  }

  /** Take back the last edit; with none left, go back to the task handed in last on this page. */
  async undo(): Promise<string | undefined> {
    if (this.current?.canUndo) return this.#edit((work) => work.undo());
    const last = this.past.entries.find(({ ready }) => ready !== undefined);
    if (this.current?.mode !== "correction" && last) await this.reopen(last);
    return undefined;
  }

  #edit<T>(make: (work: Work) => T): T | undefined {
    const work = this.current;
    if (!work) return undefined;
    const before = work.noted;
    const result = make(work);
    if (work.noted !== before) this.#saver.edited(work);
    return result;
  }

  /** Hand in the current answers and show the next task, without waiting for the node. */
  submit(): void {
    const work = this.current;
    if (!work) return;
    work.leave(performance.now());
    const unchanged = work.mode === "correction" && !work.changed && !work.refused;
    if (!unchanged) this.#handIn(work);
    else this.#drop(work);
    this.#advance();
  }

  #handIn(work: Work): void {
    const answers = work.counting;
    this.#saver.forget(work);
    this.past.handedIn(work, answers);
    if (work.mode === "new" && this.row) this.row = { ...this.row, mine: this.row.mine + 1 };
    this.parts.tell(work.mode === "new" ? "submitted" : "corrected");
    this.#post(work, { ...this.#item(work, "submit"), answers });
  }

  skip(reason: string): void {
    const work = this.current;
    if (!work) return;
    work.leave(performance.now());
    this.#saver.forget(work);
    this.parts.tell("skipped");
    this.#post(work, { ...this.#item(work, "skip"), reason });
    this.#advance();
  }

  /** Into the outbox; only then the task is not kept any more, and a crash between leaves both, which is harmless. */
  #post({ id, assignment }: Work, item: Item): void {
    void this.parts.outbox.add(item).then(() => this.#forgetKept(id, assignment.task_id));
  }

  flag(reason: string): void {
    if (!this.current) return;
    this.parts.tell("flagged");
    void this.parts.outbox.add({ ...this.#item(this.current, "flag"), reason });
  }

  #item(work: Work, kind: Item["kind"]): Item {
    return {
      key: this.parts.journal.newKey(Date.now()),
      kind,
      assignment_id: work.id,
      task_id: work.assignment.task_id,
      project_id: work.assignment.project_id,
      person: this.parts.person.id,
      answers: {},
      seconds: work.seconds,
      revision: work.revision,
      reason: "",
      attempts: 0,
      refused: null,
    };
  }

  /** The node has an item. */
  confirmed(item: Item, answer: Submitted | undefined): void {
    this.reached = true;
    if (item.kind === "flag") return;
    this.#forgetKept(item.assignment_id, item.task_id);
    if (item.assignment_id !== this.current?.id) this.parts.claims.release(item.assignment_id);
    if (answer) this.past.settle(item, { state: answer.state, revision: answer.revision });
    if (answer?.state === "surplus" && item.revision === null) this.parts.tell("surplus");
    void this.supply.fill();
  }

  /** The node has refused an item. */
  refused(item: Item): void {
    if (item.assignment_id !== this.current?.id) this.parts.claims.release(item.assignment_id);
    if (item.kind === "submit") this.past.settle(item, { state: "refused" });
    this.parts.tell("refused");
    void this.supply.fill();
  }

  // -- going back

  /** The answer handed in before the one on screen. */
  async back(): Promise<void> {
    const index = this.position + 1;
    if (index >= this.past.entries.length && this.past.more) await this.#trying(() => this.past.loadMore());
    const entry = this.past.at(index);
    if (entry) await this.reopen(entry);
    else this.parts.tell("first");
  }

  /** The answer handed in after the one on screen, at the end the task that waits. */
  async forward(): Promise<void> {
    const index = this.position - 1;
    const entry = index >= 0 ? this.past.at(index) : undefined;
    if (entry) await this.reopen(entry);
    else if (this.current?.mode === "correction") this.resume();
  }

  /** Leave a correction, and go on with the task that waits. */
  resume(): void {
    const work = this.#putAway();
    if (work?.changed) this.parts.tell("kept");
    this.#drop(work);
    this.#advance();
  }

  /** Show an answer given earlier, to correct it. */
  async reopen(entry: Entry): Promise<void> {
    const refusal = this.parts.outbox.refusals.find((item) => item.assignment_id === entry.assignment_id);
    if (refusal?.kind === "submit") return this.reopenRefused(refusal);
    await this.#open(entry.assignment_id, entry.ready, (assignment) => ({
      mode: "correction",
      revision: entry.revision,
      answers: entry.answers ?? assignment.draft ?? {},
    }));
  }

  /** Show an answer that a reviewer sent back, to correct it. */
  async reopenReturned(assignment: string, revision: number): Promise<void> {
    await this.#open(assignment, undefined, (given) => ({ mode: "correction", revision, answers: given.draft ?? {} }));
  }

  /** Show an answer that the node refused, with the reason. */
  async reopenRefused(item: Item): Promise<void> {
    const stale = item.refused?.status === 409;
    const revision = stale ? await this.#trying(() => this.#revisionOf(item.assignment_id)) : item.revision;
    if (revision === undefined) return;
    const ready = stale ? undefined : this.past.at(this.past.indexOf(item.assignment_id))?.ready;
    await this.#open(item.assignment_id, ready, (assignment) => ({
      mode: revision === null ? "new" : "correction",
      revision,
      answers: item.answers,
      refused: item.refused,
      theirs: stale ? assignment.draft : null,
    }));
  }

  /** Show a task that was begun and not handed in. */
  async reopenDraft(draft: Draft): Promise<void> {
    await this.#open(draft.assignment_id, undefined, (assignment) => ({
      mode: draft.revision === null ? "new" : "correction",
      revision: draft.revision,
      answers: assignment.draft ?? {},
    }));
  }

  /** Drafts of this project that are neither on screen nor fetched ahead. */
  async unfinished(): Promise<Draft[]> {
    const here = new Set([...this.#held(), ...this.supply.ready.map(({ assignment }) => assignment.id)]);
    const drafts = await this.parts.journal.drafts(this.parts.person.ids);
    return drafts.filter(
      (draft) =>
        (this.pool || draft.project_id === this.place) && !here.has(draft.assignment_id) && Object.keys(draft.answers).length > 0,
    );
  }

  /** The revision now in force, from the node's list. */
  async #revisionOf(assignment: string): Promise<Revision> {
    let after: string | undefined;
    do {
      const page = await listHistory(this.pool ? undefined : this.place, after);
      const row = page.items.find((one) => one.assignment_id === assignment);
      if (row) return row.revision;
      after = page.next ?? undefined;
    } while (after !== undefined);
    return null;
  }

  async #open(id: string, known: Ready | undefined, start: (assignment: Assignment) => Start): Promise<void> {
    if (this.opening || this.current?.id === id) return;
    this.opening = true;
    try {
      if (!(await this.parts.claims.claim(id))) return this.parts.tell("elsewhere");
      const fetched = known ?? (await this.#trying(async () => this.#prepare(await getAssignment(id))));
      if (!fetched) return this.#parked?.id === id ? undefined : this.parts.claims.release(id);
      const draft = await this.#draft(fetched.assignment);
      const from = start(fetched.assignment);
      const fits = draft && draft.assignment_id === id && draft.revision === from.revision && !from.refused;
      this.#park(new Work({ ...fetched, draft: fits ? draft : undefined }, from));
    } finally {
      this.opening = false;
    }
  }

  /** Put `work` on the screen in place of the current one, which waits if it is new. */
  #park(work: Work): void {
    const before = this.#putAway();
    if (before?.mode === "new" && before.id !== work.id) this.#parked = before;
    else this.#drop(before);
    this.#show(work);
  }

  async #trying<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SignedOut) this.parts.person.out = true;
      else if (error instanceof ApiError) this.parts.tell("refused", error.problem);
      else this.parts.tell("unreachable");
      return undefined;
    }
  }

  // -- time

  /** Once a second. */
  tick(now: number): void {
    this.current?.clock?.tick(now);
    const work = this.current;
    if (work?.mode === "new" && !work.late && work.clock?.running(now) && this.#due(work)) void this.#extend(work);
  }

  #due(work: Work): boolean {
    const lease = (work.form.document.lease_seconds ?? 1800) * 1000;
    return work.expires - nodeNow() < lease / 2;
  }

  async #extend(work: Work): Promise<void> {
    // So that the next ticks do not ask as well while the answer is on its way.
    work.expires += 30_000;
    try {
      const extended = await extend(work.id);
      work.expires = Date.parse(extended.expires_at);
      void this.#keep({ ...work.assignment, expires_at: extended.expires_at }, work.form).catch(() => undefined);
      this.reached = true;
    } catch (error) {
      if (error instanceof SignedOut) this.parts.person.out = true;
      else if (error instanceof ApiError) work.late = true;
      else this.reached = false;
    }
  }

  visible(now: number, visible: boolean): void {
    this.current?.clock?.show(now, visible);
    if (visible) void this.wake();
    else this.flush();
  }

  /** After sleep, sign-in or a new connection: go on with everything at once. */
  async wake(): Promise<void> {
    this.parts.outbox.kick();
    this.#saver.flush();
    await this.supply.fill();
  }

  /** The page may be gone in a moment. */
  flush(): void {
    if (!this.current) return;
    this.current.clock?.tick(performance.now());
    if (this.current.changed || this.current.seconds >= 1) this.#saver.keep(this.current, this.current.saved === "node");
    this.#saver.flush(true);
  }

  // -- other tabs

  /** Another tab has nothing to do: let go of what was not begun. */
  spare(): void {
    this.supply.share();
  }

  /** Another tab takes everything. */
  handOver(): void {
    this.flush();
    this.supply.letGo();
    for (const work of [this.#putAway(), this.#parked]) this.#drop(work);
    this.#parked = null;
    this.moved = true;
  }

  /** Take everything from the other tabs. */
  async takeOver(): Promise<void> {
    this.moved = false;
    this.lack = { why: "loading" };
    await this.#askTabs("hand-over");
    await this.supply.fill();
  }

  async #askTabs(say: "spare" | "hand-over"): Promise<void> {
    this.parts.claims.say({ say });
    await new Promise((resolve) => setTimeout(resolve, HAND_OVER));
  }

  // -- versions

  /** The version of a project that this person last read about; null before the first. */
  async seen(project: string): Promise<number | null> {
    return this.#seen.get(project) ?? (await this.parts.journal.seen(this.parts.person.id, project).catch(() => null));
  }

  /** What was read about this version is not told again. */
  saw(project: string, version: number): void {
    this.#seen.set(project, version);
    // If this write is lost, the same is told once more.
    void this.parts.journal.saw(this.parts.person.id, project, version).catch(() => undefined);
  }
}
