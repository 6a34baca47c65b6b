/**
 * The HTTP interface (docs/spec/http.md) for the pages: one function per endpoint, types as in
 * `evenhand/wire.py`. Times are RFC 3339 in UTC; ids are opaque strings.
 */
import { forgetAll, forgetOthers } from "./kept";
import type { AdaptivePolicy, GoldPolicy, PayPolicy, QualificationPolicy } from "./api.gold";
import type { Field, Json, Question } from "../widget";
import type { EarlierReview, ReviewPolicy } from "./api.review";

// -- what goes over the wire -----------------------------------------------------------------------

export type Role = "owner" | "manager" | "reviewer" | "annotator" | "auditor";
export type ProjectState = "active" | "paused" | "archived" | "deleted";
export type AssignmentState = "live" | "submitted" | "surplus" | "skipped" | "lapsed" | "recalled";

/** Answers by question id. */
export type Answers = { [question: string]: Json };

/** One page of a list: pass `next` as `after` for the following one. */
export interface Page<T> {
  items: T[];
  next: string | null;
  total: number | null;
  /** Of a search: tasks that its index has yet to take in; they are looked through one by one. */
  behind?: number | null;
}

/** The one shape of an error (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  /** What is wrong and why. */
  detail: string;
  /** Stable name of the broken rule. */
  rule: string;
  /** Place in what was sent, or "". */
  where: string;
  /** What to do, or "". */
  remedy: string;
}

export interface Membership {
  organization_id: string;
  organization_name: string;
  member_id: string;
  role: Role;
}

export interface Session {
  name: string;
  email: string | null;
  operator: boolean;
  memberships: Membership[];
  csrf: string | null;
  oidc: boolean;
  /** There is one to sign in with, and to change. */
  password: boolean;
}

export interface SignInOptions {
  password: boolean;
  oidc: { name: string; url: string }[];
}

/** Ask a question only if an earlier one has such an answer. */
export interface When {
  question: string;
  is?: Json;
  includes?: Json;
  answered?: boolean | null;
}

/** A field as stored: what has its default is left out. */
export type StoredField = Omit<Field, "title"> & { title?: string };

/** A question as stored: what has its default is left out. */
export type StoredQuestion = Omit<Question, "help" | "required"> & {
  help?: string;
  required?: boolean;
  when?: When | null;
};

/** One version of a project's rules. Keys with their default value are left out. */
export interface Document {
  name: string;
  fields: StoredField[];
  questions: StoredQuestion[];
  instructions?: string;
  overlap?: number;
  order?: "imported" | "random" | "priority";
  lease_seconds?: number;
  prefetch?: number;
  skip?: boolean;
  suggestions?: boolean;
  gold?: GoldPolicy;
  qualification?: QualificationPolicy;
  pay?: PayPolicy;
  review?: ReviewPolicy | null;
  adaptive?: AdaptivePolicy;
}

/** What an annotator's page needs of one version of a project. */
export interface Form {
  project_id: string;
  version: number;
  document: Document;
  /** Label type id -> address of its widget's ES module. */
  widgets: { [type: string]: string };
  changed: string | null;
  /** A model can be asked in the middle of a task. */
  asks?: boolean;
}

export interface Assignment {
  /** Also the idempotency key of `submit`. */
  id: string;
  task_id: string;
  project_id: string;
  version: number;
  data: { [field: string]: Json };
  expires_at: string;
  suggestion: Answers | null;
  draft: Answers | null;
  /** Where the lease stands in the ledger: what a signed answer answers. */
  place: [string, number];
}

/** An actor's own statement about what it sends. */
export interface Signed {
  key: string;
  statement: string;
  signature: string;
  salts: { [field: string]: string };
  values: { [field: string]: string };
}

export type Waiting = "nothing-left" | "paused" | "all-leased" | "no-project" | "drawing" | "qualification" | "suspended" | "passed-over";

export interface Assignments {
  assignments: Assignment[];
  waiting: Waiting | null;
}

export interface Submission {
  answers: Answers;
  /** Active time. */
  seconds?: number;
  /** For a correction: the revision that it replaces. */
  revision?: number;
  signed?: Signed;
}

export interface Receipt {
  origin: string;
  stream: string;
  n: number;
  leaf: string;
}

export interface Submitted {
  assignment_id: string;
  state: "submitted" | "surplus";
  revision: number;
  submitted_at: string;
  receipt: Receipt;
}

export interface HistoryRow {
  assignment_id: string;
  task_id: string;
  project_id: string;
  project_name: string;
  summary: string;
  state: AssignmentState;
  submitted_at: string;
  revision: number;
}

/** A shared pool as an annotator sees it. Whose work comes out of it, nobody chooses. */
export interface PoolWork {
  pool: string;
  language: string;
  band: number;
  state: "active" | "ended";
  available: boolean;
  suspended: boolean;
  mine: number;
  /** Tests that projects there ask for. */
  tests: { project_id: string; name: string; passed: boolean }[];
}

export interface WorkProject {
  project_id: string;
  name: string;
  state: ProjectState;
  version: number;
  tasks: number;
  done: number;
  /** Submitted by the caller. */
  mine: number;
  /** Of these, by a reviewer, and not corrected yet. */
  sent_back: number;
}

// -- errors, by what the caller should do -----------------------------------------------------------

/** The node answered with a problem: sending the same again will not help. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
  }
  get status(): number {
    return this.problem.status;
  }
}

/** Not signed in (any more). Sign in, then send the same again. */
export class SignedOut extends ApiError {
  override name = "SignedOut";
}

/** No answer, or "not now". Send the same again later. */
export class Unreachable extends Error {
  constructor(
    message: string,
    /** How long to wait at least, where the node said so; milliseconds. */
    readonly wait: number = 0,
    /** The HTTP status, or 0 when there was no answer at all. */
    readonly status: number = 0,
  ) {
    super(message);
    this.name = "Unreachable";
  }
}

// -- the call ----------------------------------------------------------------------------------------

const BASE = "/api/v1";
const PATIENCE = 30_000; // ms without an answer before a call counts as unreachable

let csrf: string | null = null;
let confirm: (() => Promise<void>) | null = null;
let skew = 0;
let inWords: (problem: Problem) => Promise<Problem> = async (problem) => problem;

/** Problems are told by `by` from here on: in the reader's language. Without it they are in the node's words. */
export function tellProblemsBy(by: (problem: Problem) => Promise<Problem>): void {
  inWords = by;
}

/** The node's time, milliseconds since 1970, as far as its answers tell (to a second). */
export function nodeNow(): number {
  return Date.now() + skew;
}

/**
 * The session is only remembered from before: each call first asks, by `by`, whose it is now, so that
 * nothing of the one is sent in the name of another. null: the node has said.
 */
export function assumeSession(by: (() => Promise<void>) | null): void {
  confirm = by;
}

/** What may be sent as a body. */
type Body = object | Blob | ArrayBuffer | string | undefined;

interface CallOptions {
  /** Media type of a body that is not JSON. */
  type?: string;
  signal?: AbortSignal;
  /** The page may be closed meanwhile. */
  keepalive?: boolean;
}

/**
 * Call one endpoint and give its decoded body (undefined for 204).
 *
 * Throws: Unreachable, SignedOut, ApiError.
 */
export async function call<T>(method: string, path: string, body?: Body, options: CallOptions = {}): Promise<T> {
  if (confirm && !path.startsWith("/session")) await confirm();
  const sent = csrf;
  const response = await send(method, path, body, options);
  if (response.ok) return decode<T>(response);
  const problem = await problemOf(response);
  if (problem.status === 403 && problem.rule.includes("csrf") && (await renewed(sent))) {
    return call<T>(method, path, body, options);
  }
  throw errorOf(response, problem);
}

async function send(method: string, path: string, body: Body, options: CallOptions): Promise<Response> {
  const headers = new Headers({ accept: "application/json" });
  if (csrf !== null && method !== "GET") headers.set("X-Evenhand-CSRF", csrf);
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    headers.set("content-type", options.type ?? "application/json");
    init.body = options.type === undefined ? JSON.stringify(body) : (body as BodyInit);
  }
  if (options.keepalive) init.keepalive = true;
  init.signal = options.signal ?? AbortSignal.timeout(PATIENCE);
  try {
    const response = await fetch(BASE + path, init);
    measureSkew(response);
    return response;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  }
}

function measureSkew(response: Response): void {
  const date = Date.parse(response.headers.get("date") ?? "");
  // The header has whole seconds, so a smaller difference says nothing.
  if (Number.isFinite(date)) skew = Math.abs(date - Date.now()) > 1500 ? date - Date.now() : 0;
}

async function decode<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    // Cut off in the middle: whether it was done is unknown, and every call may be made again.
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    type: "about:blank",
    title: response.statusText,
    status: response.status,
    detail: response.statusText || `HTTP ${response.status}`,
    rule: "",
    where: "",
    remedy: "",
  };
  let told: Partial<Problem>;
  try {
    told = (await response.json()) as Partial<Problem>;
  } catch {
    return fallback;
  }
  return inWords({ ...fallback, ...told, status: response.status });
}

function errorOf(response: Response, problem: Problem): Error {
  if (problem.status === 401) {
    void forgetAll();
    return new SignedOut(problem);
  }
  if (problem.status === 429 || problem.status >= 500) {
    const seconds = Number(response.headers.get("retry-after") ?? 0);
    return new Unreachable(problem.detail, Number.isFinite(seconds) ? seconds * 1000 : 0, problem.status);
  }
  return new ApiError(problem);
}

/** Whether another tab has signed in anew meanwhile, so that the token sent was merely old. */
async function renewed(sent: string | null): Promise<boolean> {
  await getSession();
  return csrf !== sent;
}

/** A path with its parts escaped: path`/tasks/${id}`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((all, part, i) => all + encodeURIComponent(String(values[i - 1])) + part);
}

/** "?a=1&b=2" of what is neither undefined nor "". */
export function query(values: { [name: string]: string | number | boolean | null | undefined }): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

// -- sign-in -----------------------------------------------------------------------------------------

async function keepToken(session: Promise<Session>): Promise<Session> {
  const known = await session;
  csrf = known.csrf;
  await forgetOthers(known.memberships.map(({ member_id }) => member_id));
  return known;
}

export const getSession = (): Promise<Session> => keepToken(call("GET", "/session"));
export const getSessionOptions = (): Promise<SignInOptions> => call("GET", "/session/options");
export const signIn = (email: string, password: string): Promise<Session> =>
  keepToken(call("POST", "/session", { email, password }));
/** Change one's own password: every other session ends, and this one goes on as what is given back. */
export const changePassword = (current: string, next: string): Promise<Session> =>
  keepToken(call("POST", "/session/password", { current, new: next }));
/** End the session. What this device kept for it goes first, and also when the node cannot be reached. */
export const signOut = (): Promise<void> => forgetAll().then(() => call("DELETE", "/session"));

// -- annotating --------------------------------------------------------------------------------------

export const listWork = (after?: string): Promise<Page<WorkProject>> => call("GET", `/work${query({ after, limit: 200 })}`);
export const getForm = (project: string, version: number): Promise<Form> =>
  call("GET", path`/projects/${project}/versions/${version}/form`);
/** Of a project, or out of a shared pool. */
export const nextAssignments = (from: { project_id?: string; pool?: string }, have: string[], count: number): Promise<Assignments> =>
  call("POST", "/assignments/next", { ...from, have, count });
export const listPools = (): Promise<Page<PoolWork>> => call("GET", "/availability");
export const setAvailable = (pool: string, available: boolean, signed?: Signed): Promise<PoolWork> =>
  call("PUT", path`/availability/${pool}`, { available, ...(signed ? { signed } : {}) });
export const getAssignment = (id: string): Promise<Assignment> => call("GET", path`/assignments/${id}`);
export const submit = (id: string, submission: Submission): Promise<Submitted> =>
  call("POST", path`/assignments/${id}/submit`, submission);
export const skip = (id: string, reason: string, signed?: Signed): Promise<void> =>
  call("POST", path`/assignments/${id}/skip`, { reason, ...(signed ? { signed } : {}) });
export const flag = (id: string, reason: string, signed?: Signed): Promise<void> =>
  call("POST", path`/assignments/${id}/flag`, { reason, ...(signed ? { signed } : {}) });
export const saveDraft = (id: string, answers: Answers, options: CallOptions = {}): Promise<{ saved_at: string }> =>
  call("PUT", path`/assignments/${id}/draft`, { answers }, options);
export const extend = (id: string): Promise<Assignment> => call("POST", path`/assignments/${id}/extend`);
export const listHistory = (project: string | undefined, after?: string): Promise<Page<HistoryRow>> =>
  call("GET", `/history${query({ project, after, limit: 50 })}`);
/** Address of the medium in this field of the task. */
export const mediaAddress = (task: string, field: string): string => BASE + path`/tasks/${task}/media/${field}`;

// -- managing: what goes over the wire ---------------------------------------------------------------

export type TaskStatus = "open" | "done" | "withdrawn" | "gold" | "qualification";
/** A question as a draft sends it: the label type's configuration stands beside the common keys. */
export type QuestionDraft = { name: string; type: string; [key: string]: Json };

/** What a new project, or a change of one, consists of. */
export interface ProjectDraft {
  name: string;
  fields: { name: string; type: Field["type"]; title: string }[];
  questions: QuestionDraft[];
  instructions: string;
  overlap: number;
  order: NonNullable<Document["order"]>;
  lease_seconds: number;
  prefetch: number;
  skip: boolean;
  suggestions: boolean;
  /** null: switched off. */
  gold: GoldPolicy | null;
  qualification: QualificationPolicy | null;
  pay: PayPolicy | null;
  review: ReviewPolicy | null;
  adaptive: AdaptivePolicy | null;
}

/** JSON Schema of a label type's configuration, as far as forms are drawn from it. */
export interface ConfigSchema {
  [keyword: string]: unknown;
}

export interface LabelTypeInfo {
  id: string;
  name: string;
  title: string;
  example_config: { [key: string]: Json };
  config_schema: ConfigSchema;
  /** Address of its widget's ES module on this origin. */
  widget: string | null;
}

export interface FormatInfo {
  name: string;
  title: string;
  suffixes: string[];
  reads: boolean;
  writes: boolean;
  /** What can be said about an export in it. */
  options: FormatOption[];
}

export interface FormatOption {
  name: string;
  /** `question` is the id of one, `field` a key of the data. */
  kind: "switch" | "choice" | "question" | "field" | "text";
  choices: string[];
  default: string | boolean | null;
}

/** What an export would lose, told before anything is written. */
export interface ExportCheck {
  lost: { part: string; where: string; reason: string }[];
  /** Whether all tasks were looked at, and not only the first ones. */
  whole: boolean;
}

export interface Counts {
  /** All but withdrawn. */
  tasks: number;
  done: number;
  withdrawn: number;
  /** Those that count towards an overlap. */
  annotations: number;
  surplus: number;
  skipped: number;
  flagged: number;
}

export interface Project {
  id: string;
  organization_id: string;
  state: ProjectState;
  version: number;
  created_at: string;
  document: Document;
  counts: Counts;
  /** The caller's. */
  role: Role;
  deleted_at: string | null;
  /** What waits for a reviewer; null: the caller does not review. */
  to_review: { tasks: number; appeals: number } | null;
}

export interface ProjectVersion {
  version: number;
  created_at: string;
  document: Document;
}

export interface Progress {
  counts: Counts;
  /** Assignments out now. */
  live: number;
  annotators: {
    member_id: string;
    name: string;
    submitted: number;
    skipped: number;
    /** Active time in sum. */
    seconds: number;
    last_at: string | null;
  }[];
  /** ["2026-11-23", annotations], newest last. */
  days: [string, number][];
}

export interface NewImport {
  name: string;
  format?: string | null;
  /** Key of the source -> key of the record. */
  mapping?: { [source: string]: string };
  options?: { [key: string]: Json };
  bytes?: number;
  fetch_media?: boolean;
}

export interface Rejected {
  /** 1 is the first. */
  line: number;
  path: string;
  reason: string;
}

export interface Import {
  id: string;
  project_id: string;
  name: string;
  state: "open" | "running" | "done" | "failed";
  accepted: number;
  /** Rows that were there already. */
  present: number;
  rejected: number;
  /** The first 1,000. */
  rejections: Rejected[];
  next_line: number;
  /** Bytes received: send from here. */
  received: number;
  bytes: number | null;
  error: Problem | null;
  created_at: string;
}

export interface RowsReport {
  accepted: number;
  present: number;
  rejected: Rejected[];
  next_line: number;
}

/** A medium, as it stands in a record's image, audio or video field. */
export interface Medium {
  blob: string;
  bytes: number;
  type: string;
  width: number | null;
  height: number | null;
}

export interface TaskRow {
  task_id: string;
  external_id: string | null;
  status: TaskStatus;
  summary: string;
  annotations: number;
  overlap: number;
  leased: number;
  flagged: number;
  priority: number;
  created_at: string;
}

export interface TaskFilter {
  status?: TaskStatus | "";
  search?: string;
  flagged?: boolean;
  annotator?: string;
}

export interface Annotation {
  id: string;
  /** Member id; "" where the project hides it from the reader until a review is decided. */
  annotator: string;
  name: string | null;
  kind: "human" | "model" | null;
  state: AssignmentState;
  answers: Answers | null;
  seconds: number | null;
  submitted_at: string | null;
  version: number;
  revision: number;
  /** Of a skip. */
  reason: string | null;
  receipt: { stream: string; n: number; leaf: string } | null;
}

export interface Task {
  task_id: string;
  project_id: string;
  external_id: string | null;
  status: TaskStatus;
  data: { [field: string]: Json };
  metadata: { [key: string]: Json };
  predictions: Json[];
  overlap: number;
  priority: number;
  created_at: string;
  annotations: Annotation[];
  consensus: { [question: string]: { value: Json; confidence: number; method: string } };
  flags: { annotator: string; reason: string; at: string }[];
  /** Decided ones, oldest first. */
  reviews: EarlierReview[];
}

export interface TaskAction {
  action: "withdraw" | "restore" | "prioritise" | "unflag" | "review";
  task_ids?: string[];
  filter?: { [key: string]: string };
  priority?: number;
  /** With a filter: `next` of the step before. */
  after?: string;
}

export interface Export {
  id: string;
  project_id: string;
  format: string;
  state: "running" | "done" | "failed";
  /** Written so far. */
  tasks: number;
  total: number;
  error: Problem | null;
  created_at: string;
  files: string[];
}

// -- managing: people --------------------------------------------------------------------------------

export const acceptInvite = (
  token: string,
  answer: { name?: string; email?: string; password?: string },
): Promise<Session> => keepToken(call("POST", path`/invites/${token}`, answer));
/** What an erasure destroyed. */
export interface ErasureReport {
  values: number;
}
export const eraseTask = (id: string): Promise<ErasureReport> => call("POST", path`/tasks/${id}/erase`, {});
// -- managing: projects ------------------------------------------------------------------------------

export const listLabelTypes = (): Promise<Page<LabelTypeInfo>> => call("GET", `/label-types${query({ limit: 200 })}`);
export const listFormats = (): Promise<Page<FormatInfo>> => call("GET", `/formats${query({ limit: 200 })}`);
export const listProjects = (state?: ProjectState, after?: string): Promise<Page<Project>> =>
  call("GET", `/projects${query({ state, after, limit: 200 })}`);
export const createProject = (draft: ProjectDraft & { organization_id?: string }): Promise<Project> =>
  call("POST", "/projects", draft);
export const checkDraft = (draft: ProjectDraft, signal?: AbortSignal): Promise<Form> =>
  call("POST", "/projects/check", draft, signal ? { signal } : {});
export const getProject = (id: string): Promise<Project> => call("GET", path`/projects/${id}`);
export const changeProject = (id: string, version: number, change: Partial<ProjectDraft>): Promise<Project> =>
  call("PATCH", path`/projects/${id}`, { version, ...change });
export const setProjectState = (id: string, state: ProjectState): Promise<Project> =>
  call("POST", path`/projects/${id}/state`, { state });
export const listVersions = (id: string, after?: string): Promise<Page<ProjectVersion>> =>
  call("GET", `${path`/projects/${id}/versions`}${query({ after, limit: 50 })}`);
export const getProgress = (id: string): Promise<Progress> => call("GET", path`/projects/${id}/progress`);

// -- managing: import, tasks, export -------------------------------------------------------------------

export const createImport = (project: string, about: NewImport): Promise<Import> =>
  call("POST", path`/projects/${project}/imports`, about);
export const listImports = (project: string, after?: string): Promise<Page<Import>> =>
  call("GET", `${path`/projects/${project}/imports`}${query({ after, limit: 20 })}`);
export const getImport = (id: string): Promise<Import> => call("GET", path`/imports/${id}`);
/** Rows as NDJSON; `line` is the first one's in the source. */
export const sendRows = (id: string, line: number, rows: string, signal?: AbortSignal): Promise<RowsReport> =>
  call("POST", `${path`/imports/${id}/rows`}${query({ line })}`, rows, {
    type: "application/x-ndjson",
    ...(signal ? { signal } : {}),
  });
/** The file's bytes from `offset`, at most 16 MiB. */
export const sendPart = (id: string, offset: number, bytes: Blob, signal?: AbortSignal): Promise<Import> =>
  call("PUT", `${path`/imports/${id}/file`}${query({ offset })}`, bytes, {
    type: "application/octet-stream",
    ...(signal ? { signal } : {}),
  });
export const finishImport = (id: string): Promise<Import> => call("POST", path`/imports/${id}/finish`);
export const sendMedium = (project: string, bytes: Blob, signal?: AbortSignal): Promise<Medium> =>
  call("POST", path`/projects/${project}/blobs`, bytes, {
    type: bytes.type || "application/octet-stream",
    ...(signal ? { signal } : {}),
  });
export const listTasks = (
  project: string,
  filter: TaskFilter,
  after?: string,
  limit = 100,
  signal?: AbortSignal,
): Promise<Page<TaskRow>> =>
  call(
    "GET",
    `${path`/projects/${project}/tasks`}${query({ ...filter, flagged: filter.flagged || undefined, after, limit })}`,
    undefined,
    signal ? { signal } : {},
  );
export const actOnTasks = (project: string, action: TaskAction): Promise<{ changed: number; next: string | null }> =>
  call("POST", path`/projects/${project}/tasks/actions`, action);
export const getTask = (id: string): Promise<Task> => call("GET", path`/tasks/${id}`);
export const correctTask = (id: string, data: { [field: string]: Json }): Promise<Task> =>
  call("PATCH", path`/tasks/${id}`, { data });
export interface ExportWish {
  format: string;
  since: string | null;
  accept_loss: boolean;
  surplus: boolean;
  options: { [name: string]: string | boolean };
}
export const createExport = (project: string, wish: ExportWish): Promise<Export> =>
  call("POST", path`/projects/${project}/exports`, wish);
export const checkExport = (project: string, wish: ExportWish): Promise<ExportCheck> =>
  call("POST", path`/projects/${project}/exports/check`, wish);
export const listExports = (project: string, after?: string): Promise<Page<Export>> =>
  call("GET", `${path`/projects/${project}/exports`}${query({ after, limit: 50 })}`);
export const getExport = (id: string): Promise<Export> => call("GET", path`/exports/${id}`);
/** Addresses to download from. */
export const exportFileAddress = (id: string, name: string): string => BASE + path`/exports/${id}/files/${name}`;
export const exportZipAddress = (id: string): string => BASE + path`/exports/${id}/zip`;
export const receiptAddress = (stream: string, n: number): string => BASE + path`/receipts/${stream}/${n}`;

// -- telling other programs --------------------------------------------------------------------------

/** A text of the public log, outside the API. Throws: Unreachable. */
export async function fetchLog(name: "checkpoint" | "vkey"): Promise<string> {
  try {
    const response = await fetch(`/log/${name}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (response.ok) return await response.text();
    throw new Unreachable(response.statusText, 0, response.status);
  } catch (error) {
    throw error instanceof Unreachable ? error : new Unreachable(String(error));
  }
}

/** Every item of a list that is known to be short. */
export async function everything<T>(list: (after?: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const page = await list(after);
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return items;
}
