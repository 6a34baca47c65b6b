/**
 * The HTTP interface (docs/spec/http.md) for the pages: one function per endpoint, types as in
 * `evenhand/wire.py`. Times are RFC 3339 in UTC; ids are opaque strings.
 */
import type { Field, Json, Question } from "../widget";

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
}

/** What an annotator's page needs of one version of a project. */
export interface Form {
  project_id: string;
  version: number;
  document: Document;
  /** Label type id -> address of its widget's ES module. */
  widgets: { [type: string]: string };
  changed: string | null;
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
}

export type Waiting = "nothing-left" | "paused" | "all-leased" | "no-project";

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

export interface WorkProject {
  project_id: string;
  name: string;
  state: ProjectState;
  version: number;
  tasks: number;
  done: number;
  /** Submitted by the caller. */
  mine: number;
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
let skew = 0;

/** The node's time, milliseconds since 1970, as far as its answers tell (to a second). */
export function nodeNow(): number {
  return Date.now() + skew;
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
  try {
    return { ...fallback, ...((await response.json()) as Partial<Problem>), status: response.status };
  } catch {
    return fallback;
  }
}

function errorOf(response: Response, problem: Problem): Error {
  if (problem.status === 401) return new SignedOut(problem);
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
  return known;
}

export const getSession = (): Promise<Session> => keepToken(call("GET", "/session"));
export const getSessionOptions = (): Promise<SignInOptions> => call("GET", "/session/options");
export const signIn = (email: string, password: string): Promise<Session> =>
  keepToken(call("POST", "/session", { email, password }));
export const signOut = (): Promise<void> => call("DELETE", "/session");

// -- annotating --------------------------------------------------------------------------------------

export const listWork = (after?: string): Promise<Page<WorkProject>> => call("GET", `/work${query({ after, limit: 200 })}`);
export const getForm = (project: string, version: number): Promise<Form> =>
  call("GET", path`/projects/${project}/versions/${version}/form`);
export const nextAssignments = (project: string, have: string[], count: number): Promise<Assignments> =>
  call("POST", "/assignments/next", { project_id: project, have, count });
export const getAssignment = (id: string): Promise<Assignment> => call("GET", path`/assignments/${id}`);
export const submit = (id: string, submission: Submission): Promise<Submitted> =>
  call("POST", path`/assignments/${id}/submit`, submission);
export const skip = (id: string, reason: string): Promise<void> => call("POST", path`/assignments/${id}/skip`, { reason });
export const flag = (id: string, reason: string): Promise<void> => call("POST", path`/assignments/${id}/flag`, { reason });
export const saveDraft = (id: string, answers: Answers, options: CallOptions = {}): Promise<{ saved_at: string }> =>
  call("PUT", path`/assignments/${id}/draft`, { answers }, options);
export const extend = (id: string): Promise<Assignment> => call("POST", path`/assignments/${id}/extend`);
export const listHistory = (project: string, after?: string): Promise<Page<HistoryRow>> =>
  call("GET", `/history${query({ project, after, limit: 50 })}`);
/** Address of the medium in this field of the task. */
export const mediaAddress = (task: string, field: string): string => BASE + path`/tasks/${task}/media/${field}`;
