/** Gold, qualification and pay, as the node tells them (wire.py). */
import type { Json } from "../widget";
import { type Answers, call, type Page, path, query } from "./api";

export interface GoldPolicy {
  per_mille: number;
  reuse: number;
  block: number;
  tolerance: number;
  floor: number;
  evidence: number;
}

export interface AdaptivePolicy {
  least: number;
  tolerance: number;
  target: number;
  budget: number;
  worth: number;
  pilots_only: boolean;
}

export interface QualificationPolicy {
  tasks: number;
  pass_mark: number;
  tries: number;
  tolerance: number;
}

export interface PayPolicy {
  /** ISO 4217. */
  currency: string;
  per: "hour" | "task";
  /** Minor units of the currency. */
  amount: number;
  most_seconds: number;
}

export type GoldUse = "gold" | "qualification" | "none";

export interface GoldTask {
  task_id: string;
  external_id: string | null;
  summary: string;
  use: "gold" | "qualification";
  answers: Answers;
  feedback: string;
  answered: number;
  right: number;
  /** Chance of so few right answers if its answer is right; null: nothing speaks against it. */
  suspect: number | null;
  flagged: number;
}

export interface GoldAnnotator {
  member_id: string;
  name: string;
  submitted: number;
  answered: number;
  right: number;
  low: number;
  high: number;
  agreed: number;
  shared: number;
  /** Chance of so many right on gold, for how they agree elsewhere; null: nothing unusual. */
  leak: number | null;
  state: "active" | "suspended";
  reason: string;
  qualified: boolean;
  tries: number;
}

export interface Gold {
  annotators: GoldAnnotator[];
  tasks: number;
  qualification_tasks: number;
  compared: number;
}

export interface Standing {
  project_id: string;
  project_name: string;
  state: "active" | "suspended";
  reason: string;
  qualified: boolean;
  answered: number;
  right: number;
  low: number;
  high: number;
  floor: number;
}

export interface Qualification {
  project_id: string;
  needed: boolean;
  passed: boolean;
  tasks: number;
  answered: number;
  right: number;
  pass_mark: number;
  tries_left: number;
  next: { task_id: string; version: number; data: { [field: string]: Json } } | null;
}

export interface TestFeedback {
  right: boolean;
  answers: Answers;
  feedback: string;
  qualification: Qualification;
}

export interface Due {
  project_id: string;
  project_name: string;
  member_id: string;
  name: string;
  provider_id: string;
  provider_name: string;
  currency: string;
  tasks: number;
  seconds: number;
  /** Minor units; so are `stated` and `open`. */
  amount: number;
  stated: number;
  open: number;
}

export interface Pay {
  policy: PayPolicy | null;
  annotators: Due[];
  providers: Due[];
  statements: { number: number; at: string; amounts: { [currency: string]: number } }[];
}

export const markGold = (project: string, use: GoldUse, tasks: { task_id: string; answers?: Answers }[]): Promise<{ changed: number }> =>
  call("POST", path`/projects/${project}/gold`, { use, tasks });
export const getGold = (project: string): Promise<Gold> => call("GET", path`/projects/${project}/gold`);
export const listGoldTasks = (project: string, after?: string): Promise<Page<GoldTask>> =>
  call("GET", `${path`/projects/${project}/gold/tasks`}${query({ after, limit: 200 })}`);
export const setStanding = (project: string, member: string, state: Standing["state"], reason: string): Promise<Gold> =>
  call("POST", path`/projects/${project}/standings/${member}`, { state, reason });
export const listStandings = (): Promise<Page<Standing>> => call("GET", "/standings");
export const getQualification = (project: string): Promise<Qualification> => call("GET", path`/projects/${project}/qualification`);
export const beginQualification = (project: string): Promise<Qualification> => call("POST", path`/projects/${project}/qualification`);
export const answerQualification = (project: string, task_id: string, answers: Answers): Promise<TestFeedback> =>
  call("POST", path`/projects/${project}/qualification/answer`, { task_id, answers });
export const getPay = (project: string): Promise<Pay> => call("GET", path`/projects/${project}/pay`);
export const statePay = (project: string): Promise<Pay> => call("POST", path`/projects/${project}/pay/statements`);
export const payTableAddress = (project: string): string => `/api/v1${path`/projects/${project}/pay/table`}`;
export const listPay = (): Promise<Page<Due>> => call("GET", "/pay");

