/** The list of tasks that the reader comes from: where the way back leads, and what stands beside a task in it. */
import type { TaskRow } from "../../lib/api";

let last: { project: string; search: string; rows: () => readonly TaskRow[] } | undefined;

/** Note the list that is shown now. `search`: its filters, as the address has them. */
export function noteList(project: string, search: string, rows: () => readonly TaskRow[]): void {
  last = { project, search, rows };
}

/** What the last list of this project says of a task; nothing beside it when the reader came another way. */
export function besides(project: string, task: string): { search: string; before?: string; after?: string } {
  if (last?.project !== project) return { search: "" };
  const rows = last.rows();
  const at = rows.findIndex(({ task_id }) => task_id === task);
  const [before, after] = at < 0 ? [] : [rows[at - 1]?.task_id, rows[at + 1]?.task_id];
  return { search: last.search, ...(before ? { before } : {}), ...(after ? { after } : {}) };
}
