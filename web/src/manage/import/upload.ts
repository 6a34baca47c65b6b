/** Sending a file in parts, going on after a dropped connection where the node stopped receiving. */
import { ApiError, getImport, type Import, sendMedium, sendPart, sendRows, type Medium, type Rejected } from "../../lib/api";

/** One part. Small enough that a phone's connection carries it within the patience, large enough to be quick. */
export const PART_BYTES = 4 * 1024 * 1024;
const PATIENCE = 120_000; // ms for one part
const LONGEST_WAIT = 15_000; // ms between two attempts

export interface Watch {
  /** Bytes (or files) that the node has. */
  progress(done: number): void;
  /** The connection dropped and is tried again; or it is back. */
  waiting(waits: boolean): void;
}

export class Cancelled extends Error {
  override name = "Cancelled";
}

/** Waits in this way between attempts; tests hand in a quicker one. */
export type Pause = (attempt: number, signal: AbortSignal) => Promise<void>;

/** Twice as long each time, with a part of chance so that many pages do not come back at once. */
export const pause: Pause = (attempt, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(LONGEST_WAIT, 500 * 2 ** attempt) * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/**
 * Calls until it is answered. What the node refuses is thrown; a lost connection is waited for.
 *
 * Throws: ApiError; Cancelled when the signal says so.
 */
export async function persist<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  watch: Watch,
  signal: AbortSignal,
  wait: Pause = pause,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    if (signal.aborted) throw new Cancelled();
    try {
      const result = await attempt(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]));
      if (tries > 0) watch.waiting(false);
      return result;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      watch.waiting(true);
      await wait(tries, signal);
    }
  }
}

/** What receives a file: an import, or a project that comes back. */
export interface Receiver {
  id: string;
  received: number;
}

/** The calls that an upload makes, so that it can run against anything that answers like the node. */
export interface Calls<T extends Receiver> {
  getImport: (id: string) => Promise<T>;
  sendPart: (id: string, offset: number, bytes: Blob, signal?: AbortSignal) => Promise<T>;
}

export const uploadFile = (
  start: Import,
  file: Blob,
  watch: Watch,
  signal: AbortSignal,
  calls: Calls<Import> = { getImport, sendPart },
  wait: Pause = pause,
): Promise<Import> => uploadParts(start, file, watch, signal, calls, wait);

/**
 * Sends what the node lacks of the file. After a drop it asks first what has arrived: a part may have
 * been received although its answer was lost.
 */
export async function uploadParts<T extends Receiver>(
  start: T,
  file: Blob,
  watch: Watch,
  signal: AbortSignal,
  calls: Calls<T>,
  wait: Pause = pause,
): Promise<T> {
  let now = start;
  watch.progress(now.received);
  while (now.received < file.size) {
    let fresh = true;
    now = await persist(
      async (limited) => {
        if (!fresh) now = await calls.getImport(start.id);
        fresh = false;
        if (now.received >= file.size) return now;
        return calls.sendPart(start.id, now.received, file.slice(now.received, now.received + PART_BYTES), limited);
      },
      watch,
      signal,
      wait,
    );
    watch.progress(now.received);
  }
  return now;
}

/** A file that the node did not take. */
export interface RefusedFile {
  name: string;
  reason: string;
}

export interface MediaReport {
  accepted: number;
  present: number;
  rejected: Rejected[];
  refused: RefusedFile[];
}

const AT_ONCE = 3; // uploads in flight
const ROWS_AT_ONCE = 200; // records a request

/**
 * Uploads media, then makes one record of each: `{field: medium, external_id: file name}`.
 *
 * A file that the node refuses is reported and the others go on. The same files again add nothing.
 */
export async function importMedia(
  project: string,
  target: { import: string; field: string },
  files: readonly File[],
  watch: Watch,
  signal: AbortSignal,
): Promise<MediaReport> {
  const refused: RefusedFile[] = [];
  const media = await uploadAll(project, files, refused, watch, signal);
  const records = media.map(([name, medium]) => JSON.stringify({ [target.field]: medium, external_id: name }));
  const report: MediaReport = { accepted: 0, present: 0, rejected: [], refused };
  for (let at = 0; at < records.length; at += ROWS_AT_ONCE) {
    const rows = `${records.slice(at, at + ROWS_AT_ONCE).join("\n")}\n`;
    const sent = await persist((limited) => sendRows(target.import, at + 1, rows, limited), watch, signal);
    report.accepted += sent.accepted;
    report.present += sent.present;
    report.rejected.push(...sent.rejected);
  }
  return report;
}

async function uploadAll(
  project: string,
  files: readonly File[],
  refused: RefusedFile[],
  watch: Watch,
  signal: AbortSignal,
): Promise<[string, Medium][]> {
  const media: ([string, Medium] | undefined)[] = [];
  let next = 0;
  let done = 0;
  async function worker(): Promise<void> {
    for (let i = next++; i < files.length; i = next++) {
      const file = files[i] as File;
      media[i] = await uploadOne(project, file, refused, watch, signal);
      watch.progress((done += 1));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return media.filter((one) => one !== undefined);
}

async function uploadOne(
  project: string,
  file: File,
  refused: RefusedFile[],
  watch: Watch,
  signal: AbortSignal,
): Promise<[string, Medium] | undefined> {
  try {
    return [file.name, await persist((limited) => sendMedium(project, file, limited), watch, signal)];
  } catch (error) {
    // Signed out or not allowed: that holds for all of them.
    if (!(error instanceof ApiError) || [401, 403, 404].includes(error.status)) throw error;
    refused.push({ name: file.name, reason: error.message });
    return undefined;
  }
}
