import type { Json } from "$web/widget";

/** How much better which side is: negative for a, positive for b, 0 a tie; or neither is any good. */
export type Preference = number | "both_bad";

/** An answer, or a draft of one that lacks its preference. */
export interface Draft {
  preference: Preference | undefined;
  justification: string;
}

/** Every preference that a scale offers, from a to b. */
export function preferences(scale: number, bothBad: boolean): Preference[] {
  const k = Math.floor(scale / 2);
  const steps = Array.from({ length: 2 * k + 1 }, (_, i) => i - k).filter((step) => step !== 0 || scale % 2 === 1);
  return bothBad ? [...steps, "both_bad"] : steps;
}

export function readDraft(value: Json | undefined, offered: readonly Preference[]): Draft {
  const draft = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  const { preference, justification } = draft;
  return {
    preference: offered.find((one) => one === preference),
    justification: typeof justification === "string" ? justification : "",
  };
}

/** The draft as JSON; undefined when there is nothing in it. An empty justification is none. */
export function writeDraft({ preference, justification }: Draft): Json | undefined {
  const why: { [key: string]: Json } = justification.trim() ? { justification } : {};
  if (preference !== undefined) return { preference, ...why };
  return justification.trim() ? why : undefined;
}

/** Key of the catalogue for a step: how strong it is among the steps of its side. */
export function strength(preference: Preference, scale: number): string {
  if (preference === "both_bad") return "both_bad";
  if (preference === 0) return "tie";
  const side = preference < 0 ? "a" : "b";
  const k = Math.floor(scale / 2);
  const names = { 1: [""], 2: ["", ".much"], 3: [".slightly", "", ".much"] }[k];
  return `${side}${names?.[Math.abs(preference) - 1] ?? ".by"}`;
}
