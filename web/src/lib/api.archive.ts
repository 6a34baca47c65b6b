/** Archives of projects over HTTP: written, and restored. */
import { call, type Export, path, type Problem, query, type Rejected } from "./api";

/** A project that comes back out of an archive. */
export interface Restore {
  id: string;
  name: string | null;
  state: "open" | "running" | "done" | "failed";
  bytes: number;
  received: number;
  /** Of the archive's history; 0 until it is checked. */
  events: number;
  replayed: number;
  project_id: string | null;
  report: {
    versions: number;
    tasks: number;
    annotations: number;
    acts: { [kind: string]: number };
    rejected: Rejected[];
    rejected_count: number;
    left: { [kind: string]: number };
  } | null;
  error: Problem | null;
}

export const createArchive = (project: string, people: "named" | "pseudonymous"): Promise<Export> =>
  call("POST", path`/projects/${project}/archive`, { people });
export const createRestore = (wish: { bytes: number; name: string | null; organization_id: string | null }): Promise<Restore> =>
  call("POST", "/restores", wish);
export const listRestores = (organization: string | undefined): Promise<{ items: Restore[] }> =>
  call("GET", `/restores${query({ organization })}`);
export const getRestore = (id: string): Promise<Restore> => call("GET", path`/restores/${id}`);
export const sendArchivePart = (id: string, offset: number, bytes: Blob, signal?: AbortSignal): Promise<Restore> =>
  call("PUT", `${path`/restores/${id}/file`}${query({ offset })}`, bytes, {
    type: "application/octet-stream",
    ...(signal ? { signal } : {}),
  });
