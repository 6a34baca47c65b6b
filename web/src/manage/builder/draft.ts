/** A project's rules while somebody edits them. */
import type { Document, ProjectDraft, QuestionDraft, StoredQuestion, When } from "../../lib/api";
import type { AdaptivePolicy, GoldPolicy, PayPolicy, QualificationPolicy } from "../../lib/api.gold";
import type { ReviewPolicy } from "../../lib/api.review";
import type { FieldType, Json } from "../../widget";

export interface FieldEdit {
  /** Of this edit only; tells list entries apart. */
  key: number;
  name: string;
  type: FieldType;
  title: string;
}

export interface QuestionEdit {
  key: number;
  id: string;
  title: string;
  help: string;
  /** Id of the label type. */
  type: string;
  required: boolean;
  when: When | null;
  config: { [key: string]: Json };
  /** It is in force already, so that answers may be keyed by its id. */
  known: boolean;
}

export interface Draft {
  name: string;
  fields: FieldEdit[];
  questions: QuestionEdit[];
  instructions: string;
  overlap: number;
  order: NonNullable<Document["order"]>;
  lease_seconds: number;
  prefetch: number;
  skip: boolean;
  suggestions: boolean;
  gold: GoldPolicy | null;
  qualification: QualificationPolicy | null;
  pay: PayPolicy | null;
  review: ReviewPolicy | null;
  adaptive: AdaptivePolicy | null;
}

/** What a policy begins with when it is switched on (core/project.py). */
export const POLICIES = {
  gold: { per_mille: 100, reuse: 0, block: 10, tolerance: 0, floor: 0, evidence: 10 },
  qualification: { tasks: 10, pass_mark: 80, tries: 2, tolerance: 0 },
  pay: { currency: "EUR", per: "hour", amount: 0, most_seconds: 900 },
  adaptive: { least: 2, tolerance: 5, target: 100, budget: 0, worth: 75, pilots_only: false },
} as const satisfies { gold: GoldPolicy; qualification: QualificationPolicy; pay: PayPolicy; adaptive: AdaptivePolicy };

/** What holds where a document leaves a key out (core/project.py). */
const DEFAULTS = {
  instructions: "",
  overlap: 1,
  order: "imported",
  lease_seconds: 1800,
  prefetch: 3,
  skip: true,
  suggestions: true,
  gold: null,
  qualification: null,
  pay: null,
  review: null,
  adaptive: null,
} as const satisfies Partial<Draft>;

let last = 0;
const nextKey = (): number => (last += 1);

export function emptyDraft(): Draft {
  return { ...DEFAULTS, name: "", fields: [newField("text", "text")], questions: [] };
}

export function newField(name: string, type: FieldType, title = ""): FieldEdit {
  return { key: nextKey(), name, type, title };
}

export function newQuestion(given: Partial<QuestionEdit> & { type: string }): QuestionEdit {
  return {
    key: nextKey(),
    id: "",
    title: "",
    help: "",
    required: true,
    when: null,
    config: {},
    known: false,
    ...given,
  };
}

/** The rules in force, ready to edit. */
export function draftOf(document: Document): Draft {
  const { fields, questions, ...rest } = document;
  return {
    ...DEFAULTS,
    ...structuredClone(rest),
    fields: fields.map((field) => newField(field.name, field.type, field.title ?? "")),
    questions: questions.map((question) => newQuestion({ ...structuredClone(question), when: question.when ?? null, known: true })),
  };
}

/**
 * The draft as the node takes it, in objects of its own: what was derived from the draft's own parts would not follow
 * a figure that changes inside of them.
 */
export function wireOf(draft: Draft): ProjectDraft {
  const ids = questionIds(draft.questions);
  return {
    name: draft.name,
    fields: draft.fields.map(({ name, type, title }) => ({ name, type, title })),
    questions: draft.questions.map((question, i) => questionWire(question, ids[i] ?? "")),
    instructions: draft.instructions,
    overlap: draft.overlap,
    order: draft.order,
    lease_seconds: draft.lease_seconds,
    prefetch: draft.prefetch,
    skip: draft.skip,
    suggestions: draft.suggestions,
    gold: draft.gold && { ...draft.gold },
    qualification: draft.qualification && { ...draft.qualification },
    pay: draft.pay && { ...draft.pay },
    review: draft.review && { ...draft.review },
    adaptive: draft.adaptive && { ...draft.adaptive },
  };
}

function questionWire(question: QuestionEdit, id: string): QuestionDraft {
  const { title, type, help, required, when, config } = question;
  const wire: QuestionDraft = { ...config, name: id, id, title: title || id, type, help, required };
  if (when) wire["when"] = { ...when } as { [key: string]: Json };
  return wire;
}

/** Ids by position: those given, and for the others one made of the title, so that exports have readable names. */
export function questionIds(questions: readonly QuestionEdit[]): string[] {
  const taken = new Set(questions.map((question) => question.id).filter((id) => id !== ""));
  return questions.map((question) => {
    if (question.id !== "") return question.id;
    const id = unused(slug(question.title) || "question", taken);
    taken.add(id);
    return id;
  });
}

/** "Is it spam?" -> "is_it_spam". Letters of every script stay. */
export function slug(title: string): string {
  const words = title.normalize("NFC").toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.join("_").slice(0, 40).replace(/_+$/, "");
}

function unused(id: string, taken: ReadonlySet<string>): string {
  if (!taken.has(id)) return id;
  for (let n = 2; ; n += 1) if (!taken.has(`${id}_${n}`)) return `${id}_${n}`;
}

/** A field got another name: questions that show or use it follow. */
export function renameField(draft: Draft, key: number, name: string, fieldKeys: (type: string) => string[]): void {
  const field = draft.fields.find((one) => one.key === key);
  if (!field) return;
  const old = field.name;
  field.name = name;
  if (old === "" || draft.fields.some((one) => one.name === old)) return;
  for (const question of draft.questions) {
    for (const at of fieldKeys(question.type)) question.config[at] = renamed(question.config[at] ?? null, old, name);
  }
}

function renamed(value: Json, old: string, name: string): Json {
  if (Array.isArray(value)) return value.map((one) => (one === old ? name : one));
  return value === old ? name : value;
}

/** Questions that a question at `index` may depend on: those before it. */
export function earlier(questions: readonly QuestionEdit[], index: number): { id: string; question: QuestionEdit }[] {
  const ids = questionIds(questions);
  return questions.slice(0, index).map((question, i) => ({ id: ids[i] ?? "", question }));
}

// -- what a change of the rules does -------------------------------------------------------------------

export interface Change {
  /** What is different: a key of the document, or "question" and "field" for one of them. */
  what: keyof Document | "question" | "field";
  kind: "added" | "removed" | "changed" | "moved";
  /** Title of the question, name of the field, or "". */
  subject: string;
  /** Keys inside of it that differ, of a changed question or field. */
  keys: string[];
  before: Json | undefined;
  after: Json | undefined;
}

/** What is different between two versions, in the order of the page. */
export function changes(before: Document, after: Document): Change[] {
  const a = { ...DEFAULTS, ...before };
  const b = { ...DEFAULTS, ...after };
  const keys = ["name", "instructions", "overlap", "order", "lease_seconds", "prefetch", "skip", "suggestions"] as const;
  const plain = keys
    .filter((key) => a[key] !== b[key])
    .map((what): Change => ({ what, kind: "changed", subject: "", keys: [], before: a[what], after: b[what] }));
  const review: Change = { what: "review", kind: "changed", subject: "", keys: [], before: wordOf(a.review), after: wordOf(b.review) };
  return [
    ...plain,
    ...policyChanges(before, after),
    ...(JSON.stringify(review.before) === JSON.stringify(review.after) ? [] : [review]),
    ...listChanges("field", a.fields, b.fields, (field) => field.name, (field) => field.name),
    ...listChanges("question", a.questions, b.questions, (question) => question.id, (question) => question.title),
  ];
}

function policyChanges(before: Document, after: Document): Change[] {
  const names = Object.keys(POLICIES) as (keyof typeof POLICIES)[];
  return names.flatMap((what) => {
    const was = (before[what] ?? null) as Json;
    const is = (after[what] ?? null) as Json;
    const keys = was && is ? differing(was as object, is as object) : [];
    if (was && is && keys.length === 0) return [];
    if (!was && !is) return [];
    return [{ what, kind: was ? (is ? "changed" : "removed") : "added", subject: "", keys, before: was, after: is } satisfies Change];
  });
}
const wordOf = (policy: ReviewPolicy | null): Json => (policy === null ? null : { ...policy });

function listChanges<T extends object>(
  what: Change["what"],
  before: readonly T[],
  after: readonly T[],
  id: (item: T) => string,
  name: (item: T) => string,
): Change[] {
  const was = new Map(before.map((item) => [id(item), item]));
  const is = new Map(after.map((item) => [id(item), item]));
  const one = (kind: Change["kind"], subject: string, keys: string[] = []): Change => ({
    what,
    kind,
    subject,
    keys,
    before: undefined,
    after: undefined,
  });
  const removed = before.filter((item) => !is.has(id(item))).map((item) => one("removed", name(item)));
  const others = after.flatMap((item) => {
    const old = was.get(id(item));
    if (!old) return [one("added", name(item))];
    const keys = differing(old, item);
    return keys.length > 0 ? [one("changed", name(item), keys)] : [];
  });
  const kept = (items: readonly T[]) => items.map(id).filter((each) => was.has(each) && is.has(each));
  const moved = kept(before).join("\n") === kept(after).join("\n") ? [] : [one("moved", "")];
  return [...removed, ...others, ...moved];
}

/** Keys whose values differ; a question's configuration counts key by key, an empty text as absent. */
function differing(a: object, b: object): string[] {
  const left = flat(a);
  const right = flat(b);
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]));
}

function flat(item: object): { [key: string]: Json } {
  const { config, ...rest } = item as Partial<StoredQuestion> & { [key: string]: Json };
  const all = { ...rest, ...config } as { [key: string]: Json };
  if (all["required"] === undefined) all["required"] = true;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "" && value !== null));
}
