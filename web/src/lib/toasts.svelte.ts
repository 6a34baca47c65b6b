/** Short notices that come and go. What must be seen does not belong here but in the page. */

export interface Toast {
  id: number;
  tone: "plain" | "good" | "bad";
  text: string;
  /** Something to do about it, such as undo. */
  action: { label: string; run: () => void } | undefined;
}

/** Long enough to reach the action by keyboard (WCAG 2.2.1 asks for more when it matters: then stay). */
const SHOWN_MS = 6_000;
const SHOWN_WITH_ACTION_MS = 12_000;

let last = 0;
export const toasts: Toast[] = $state([]);

/** Shows a notice. Errors, and what `stays`, are there until they are dismissed. Returns its id. */
export function toast(text: string, options: { tone?: Toast["tone"]; action?: Toast["action"]; stays?: boolean } = {}): number {
  const id = (last += 1);
  const tone = options.tone ?? "plain";
  toasts.push({ id, tone, text, action: options.action });
  if (tone !== "bad" && !options.stays) setTimeout(() => dismiss(id), options.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  return id;
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((one) => one.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
