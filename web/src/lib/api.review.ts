/** Review, appeals and quality over HTTP: the part of `api.ts` that reviewers and their annotators use. */
import type { Json } from "../widget";
import type { PayPolicy } from "./api.gold";
import { type Answers, call, type Page, path, query, type Signed } from "./api";

export interface ReviewPolicy {
  which: "hand" | "all" | "share" | "worth";
  /** Of the finished tasks. */
  percent: number;
  by: "doubt" | "disagreement" | "annotator";
  /** What a reviewer sees before deciding. */
  shows: "all" | "answers" | "task";
  /** Percent of the distance from what stands up to which an answer stands. */
  tolerance: number;
}

export type Outcome = "accepted" | "fixed" | "returned";

export interface EarlierReview {
  review_id: string;
  decision: Outcome;
  reviewer: string;
  name: string | null;
  comment: string;
  answers: Answers | null;
  /** Assignment id -> what became of it. */
  outcomes: { [assignment: string]: Outcome };
  decided_at: string;
}

export interface ReviewedAnswer {
  assignment_id: string;
  answers: Answers | null;
  seconds: number | null;
  kind: "human" | "model" | null;
  annotator: string | null;
  name: string | null;
  outcome: Outcome | null;
  /** Question -> distance from the consensus, 0 to 1. */
  apart: { [question: string]: number };
}

export interface Review {
  id: string;
  task_id: string;
  project_id: string;
  version: number;
  state: "live" | "lapsed" | "recalled" | "skipped" | Outcome;
  why: "policy" | "hand" | "corrected" | null;
  shows: ReviewPolicy["shows"];
  expires_at: string;
  data: { [field: string]: Json };
  annotations: ReviewedAnswer[];
  consensus: { [question: string]: { value: Json; confidence: number; method: string } };
  revision: number;
  earlier: EarlierReview[];
  comment: string;
  answers: Answers | null;
  /** Where it was opened: what a signed decision answers. */
  place: [string, number];
  /** Why the policy put it first, and what that came to, 0 to 1; null while the answers are hidden. */
  by: ReviewPolicy["by"] | null;
  worth: number | null;
}

export interface ReviewQueue {
  waiting: number;
  held: number;
  returned: number;
  decided: number;
}

export interface NextReview {
  review: Review | null;
  queue: ReviewQueue;
  lack: "off" | "nothing" | "share" | "own" | null;
}

export interface ReviewDecision {
  decision: "accept" | "fix" | "return" | "skip";
  answers?: Answers;
  comment?: string;
  assignment_ids?: string[];
  revision?: number;
  seconds?: number;
  signed?: Signed;
}

export interface AppealState {
  id: string;
  state: "open" | "upheld" | "rejected";
  text: string;
  answer: string | null;
  appealed_at: string;
}

/** What a review says of one of the caller's own answers. */
export interface Judgement {
  assignment_id: string;
  task_id: string;
  project_id: string;
  project_name: string;
  summary: string;
  outcome: Outcome;
  comment: string;
  answers: Answers | null;
  /** In force now: what a correction replaces. */
  revision: number;
  /** Sent back and not corrected yet. */
  open: boolean;
  may_appeal: boolean;
  appeal: AppealState | null;
  decided_at: string;
  /** Of the answer that was judged: what a signed appeal answers. */
  place: [string, number];
}

export interface Appeal {
  id: string;
  task_id: string;
  project_id: string;
  version: number;
  state: AppealState["state"];
  outcome: "fixed" | "returned";
  /** null: not for the reader. */
  text: string | null;
  comment: string;
  /** A line that stands for the task. */
  summary: string;
  data: { [field: string]: Json };
  given: Answers;
  stands: Answers | null;
  annotator: string | null;
  annotator_name: string | null;
  reviewer: string;
  reviewer_name: string | null;
  answer: string | null;
  /** Who decided. */
  judge: string | null;
  judge_name: string | null;
  appealed_at: string;
  decided_at: string | null;
  may_decide: boolean;
  /** Of the review, with the place where it was opened: what a signed decision says and answers. */
  slot: string;
  place: [string, number];
}

export const nextReview = (project: string): Promise<NextReview> => call("POST", path`/projects/${project}/reviews/next`);
/** Send finished tasks to review; how many wait now that did not before. */
export const askReview = (project: string, tasks: string[]): Promise<{ changed: number }> =>
  call("POST", path`/projects/${project}/tasks/actions`, { action: "review", task_ids: tasks });
export const decideReview = (id: string, decision: ReviewDecision): Promise<Review> =>
  call("POST", path`/reviews/${id}/decide`, decision);
/** "decided": upheld or rejected, the last decided first; open ones come the oldest first. */
export interface AppealFilter {
  state: AppealState["state"] | "decided";
  /** In names, and in the task's number and first field. */
  search?: string;
}
export const listAppeals = (project: string, filter: AppealFilter, after?: string): Promise<Page<Appeal>> =>
  call("GET", `${path`/projects/${project}/appeals`}${query({ ...filter, after, limit: 50 })}`);
export const decideAppeal = (id: string, decision: "uphold" | "reject", text: string, signed?: Signed): Promise<Appeal> =>
  call("POST", path`/appeals/${id}/decide`, { decision, text, ...(signed ? { signed } : {}) });
export const listJudgements = (filter: { project?: string; outcome?: string; assignment?: string }, after?: string): Promise<Page<Judgement>> =>
  call("GET", `/judgements${query({ ...filter, after, limit: 50 })}`);
export const appealJudgement = (assignment: string, text: string, signed?: Signed): Promise<AppealState> =>
  call("POST", path`/assignments/${assignment}/appeal`, { text, ...(signed ? { signed } : {}) });

// -- quality -------------------------------------------------------------------------------------------

/** A share with its 95% interval, 0 to 1. */
export interface Estimated {
  value: number;
  low: number;
  high: number;
  /** That it rests on. */
  labels: number;
}

export interface WorthALook {
  task_id: string;
  chance: number;
  labels: number;
  /** A line that stands for the task. */
  summary: string;
  /** How far a review of it is; "queued": the policy put it in the queue, "waiting": it comes next. */
  review: "" | "queued" | "waiting" | "held" | "returned";
}

/** Something in an annotator's answers, or a pair's, that honest work does not explain. No verdict. */
export interface Signal {
  members: { member_id: string; name: string | null }[];
  seen: number;
  expected: number;
  p: number;
  /** Lowest false discovery rate at which it is flagged. */
  q: number;
  /** That it rests on; of a pair, tasks in common. */
  labels: number;
  task_ids: string[];
}

export interface TestedWork {
  kind: "copying" | "blind" | "suggested" | "previous" | "fast" | "typed" | "repeated";
  /** Annotators, or pairs, that had enough to test. */
  tested: number;
  undefined: string;
  /** Measured share of honest annotators, or pairs, that it flags; null: not measured. */
  false_alarms: number | null;
  signals: Signal[];
}

export interface ProviderLean {
  provider_id: string;
  name: string | null;
  answer: string;
  effect: number;
  p: number;
  /** Share of its labels turned to this answer that is found in 90 of 100 cases; null: none. */
  detectable: number | null;
  flagged: boolean;
  step: number;
  annotators: number;
  labels: number;
}

export interface Leaning {
  undefined: string;
  false_alarms: number;
  providers: ProviderLean[];
}

export interface QuestionFigures {
  question: string;
  title: string;
  labels: number;
  tasks: number;
  every: number;
  agreement: { name: string; value: number | null; low: number | null; high: number | null; labels: number; tasks: number; undefined: string }[];
  basis: "model" | "agreement";
  skills: (Estimated & { member_id: string; name: string | null; kind: "human" | "model"; numbers: number[] })[];
  measures: string[];
  unit: string;
  confusion: { classes: string[]; counts: number[][]; left_out: number } | null;
  errors: WorthALook[];
  hard: WorthALook[];
  /** Tasks whose answer is more likely wrong than right. */
  likely_errors: number;
  method: string;
  integrity: TestedWork[];
  leaning: Leaning | null;
}

export interface ReviewRates {
  member_id: string;
  name: string | null;
  part: "annotator" | "reviewer";
  accepted: number;
  fixed: number;
  returned: number;
  appealed: number;
  upheld: number;
  stood: Estimated;
  /** Of a reviewer: appeals upheld against them, of all. */
  overruled: Estimated | null;
}

export interface Quality {
  state: "none" | "running" | "done" | "failed";
  read: number;
  total: number;
  as_of: string | null;
  error: string;
  questions: QuestionFigures[];
  reviews: ReviewRates[];
  forecast: {
    answers: number;
    answers_left: number;
    seconds: number;
    seconds_left: number;
    per_day: number;
    days_left: number | null;
    /** Whose time, and how many days' pace, it rests on. */
    annotators: number;
    days: number;
    /** 95% intervals; null: less than two annotators, or days. */
    seconds_left_low: number | null;
    seconds_left_high: number | null;
    days_left_low: number | null;
    days_left_high: number | null;
    costs: { currency: string; so_far: number; to_come: number; to_come_low: number | null; to_come_high: number | null }[];
  };
  /** null: the overlap is fixed. */
  adaptive: {
    state: "pilots" | "asking" | "spent" | "fixed";
    pilots: number;
    pilots_ready: number;
    tolerance: number;
    loss: number | null;
    per_task: number | null;
    saved: number | null;
    budget: number;
    passed_over: number;
    as_of: string | null;
  } | null;
  /** The project hides from the reader who gave which answer. */
  hidden: boolean;
}

export interface OwnQuality {
  project_id: string;
  project_name: string;
  answers: number;
  seconds: number;
  /** Seconds that count for pay; null: nothing here is paid. */
  credited: number | null;
  /** The rate in force. */
  pay: PayPolicy | null;
  skills: (Estimated & { question: string; title: string; basis: "model" | "agreement"; measures: string[]; numbers: number[]; unit: string })[];
  as_of: string | null;
  accepted: number;
  fixed: number;
  returned: number;
  stood: Estimated | null;
  /** Percent of what answers tell in the mean that whoever gives further answers has to tell; 0: nothing is asked. */
  worth: number;
  passed_over: boolean;
  /** Whoever tells less gets no first answers to give either, but pilots alone. */
  pilots_only: boolean;
  /** null: the reader has reviewed nothing here. */
  reviewed: OwnReviews | null;
}

/** How the reader reviews, and how often others thought otherwise. */
export interface OwnReviews {
  accepted: number;
  fixed: number;
  returned: number;
  /** Active time in sum, as far as it was told. */
  seconds: number;
  /** Tasks accepted as they were answered. */
  kept: Estimated;
  appealed: number;
  /** Appeals that were upheld, of those against the reader. */
  overruled: Estimated | null;
}

export const getQuality = (project: string): Promise<Quality> => call("GET", path`/projects/${project}/quality`);
export const listWorthALook = (
  project: string,
  asked: { question: string; order: "errors" | "hard"; search: string; after: string },
): Promise<Page<WorthALook>> => call("GET", `${path`/projects/${project}/quality/tasks`}${query({ ...asked, limit: 50 })}`);
export const computeQuality = (project: string): Promise<Quality> => call("POST", path`/projects/${project}/quality`);
export const listOwnQuality = (): Promise<Page<OwnQuality>> => call("GET", "/quality");
