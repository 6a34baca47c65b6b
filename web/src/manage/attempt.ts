/** Calls to the node from a page, with their failures said in words. */
import { ApiError, SignedOut, Unreachable } from "../lib/api";
import { toast } from "../lib/toasts.svelte";
import { noteSignedOut } from "./session.svelte";
import { t } from "./texts";

/** A failure, for a person: what is wrong, and what to do. */
export interface Trouble {
  what: string;
  remedy: string;
  /** Place in what was sent, or "". */
  where: string;
  rule: string;
  status: number;
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof SignedOut) {
    noteSignedOut();
    return { what: t("trouble.signedOut"), remedy: t("trouble.signedOut.remedy"), where: "", rule: "", status: 401 };
  }
  if (error instanceof ApiError) {
    const { detail, remedy, where, rule, status } = error.problem;
    return { what: detail, remedy, where, rule, status };
  }
  if (error instanceof Unreachable && error.status !== 0) {
    return { what: error.message, remedy: t("trouble.later"), where: "", rule: "", status: error.status };
  }
  return { what: t("trouble.unreachable"), remedy: t("trouble.unreachable.remedy"), where: "", rule: "", status: 0 };
}

/** The call's result; when it fails, undefined, and a notice says why. */
export async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const { what, remedy } = troubleOf(error);
    toast([what, remedy].filter(Boolean).join(" "), { tone: "bad" });
    return undefined;
  }
}
