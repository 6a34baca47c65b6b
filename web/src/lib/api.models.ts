/** Models of one's own over HTTP: backends that suggest answers. */
import { type Answers, call, type Page, path } from "./api";

/** A server with a model that speaks Label Studio's protocol. */
export interface Backend {
  id: string;
  project_id: string;
  url: string;
  title: string;
  /** Of its model, as it said last. */
  version: string;
  /** Its predictions are annotations of a model annotator too. */
  counts: boolean;
  /** Annotators may ask it in the middle of a task. */
  interactive: boolean;
  /** It is told of every annotation. */
  training: boolean;
  state: "ready" | "predicting" | "failed";
  reason: string;
  /** Tasks that it was asked about in the last job, and of how many it said something. */
  total: number;
  predicted: number;
  created_at: string;
}

export interface NewBackend {
  url: string;
  title: string;
  counts: boolean;
  interactive: boolean;
  training: boolean;
  access_token: string;
  /** "name:password" behind which it answers. */
  login: string;
}

export const listBackends = (project: string): Promise<Page<Backend>> => call("GET", path`/projects/${project}/backends`);
export const connectBackend = (project: string, wish: NewBackend): Promise<Backend> => call("POST", path`/projects/${project}/backends`, wish);
export const predict = (backend: string): Promise<Backend> => call("POST", path`/backends/${backend}/predict`);
export const train = (backend: string): Promise<void> => call("POST", path`/backends/${backend}/train`);
export const disconnect = (backend: string): Promise<void> => call("DELETE", path`/backends/${backend}`);

/** What a model says of a task in the middle of it, with the answers so far. */
export const askModel = (assignment: string, answers: Answers): Promise<{ title: string; answers: Answers }> =>
  call("POST", path`/assignments/${assignment}/ask`, { answers });
