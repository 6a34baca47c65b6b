/** What the status line says: always the truth about where the newest edit and the answers lie. */
import type { IconName } from "../components/Icon.svelte";
import type { Sending } from "./outbox";
import type { TextKey } from "./texts.svelte";
import type { Saved } from "./work.svelte";

export interface Facts {
  signedOut: boolean;
  /** The browser outlives a closed page: journal and outbox are on disk. */
  stored: boolean;
  /** The node answered the last call. */
  reached: boolean;
  sending: Sending;
  /** Items not yet confirmed. */
  waiting: number;
  refused: number;
  /** Where the current task's newest edit lies. */
  saved: Saved;
  /** Edits of the current task go to the node only when it is handed in. */
  localOnly: boolean;
}

export interface Status {
  tone: "good" | "busy" | "warn" | "bad";
  icon: IconName;
  key: TextKey;
  count?: number;
  /** What pressing it does. */
  action?: "sign-in" | "look";
}

export function statusOf(facts: Facts): Status {
  if (facts.signedOut) return { tone: "bad", icon: "warning", key: "status.out", action: "sign-in" };
  if (!facts.stored) return unkept(facts);
  if (facts.sending === "offline" || !facts.reached) return offline(facts);
  if (facts.refused > 0) {
    return { tone: "bad", icon: "warning", key: "status.refused", count: facts.refused, action: "look" };
  }
  return saved(facts);
}

function unkept({ waiting }: Facts): Status {
  if (waiting === 0) return { tone: "warn", icon: "warning", key: "status.unkept" };
  return { tone: "bad", icon: "warning", key: "status.unkept.unsent", count: waiting };
}

function offline({ waiting }: Facts): Status {
  if (waiting === 0) return { tone: "warn", icon: "offline", key: "status.offline" };
  return { tone: "warn", icon: "offline", key: "status.offline.unsent", count: waiting };
}

function saved({ waiting, saved: where, localOnly }: Facts): Status {
  if (where === "page") return { tone: "busy", icon: "cloud", key: "status.page" };
  if (where === "device" && localOnly && waiting === 0) return { tone: "good", icon: "check", key: "status.device" };
  if (where === "device" || waiting > 0) return { tone: "busy", icon: "cloud", key: "status.sending" };
  return { tone: "good", icon: "check", key: "status.node" };
}
