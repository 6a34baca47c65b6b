/** Who is signed in, and for which organization they work now. */
import { getSession, type Membership, type Project, type Session, SignedOut } from "../lib/api";
import { recall, remember } from "../lib/remember";

const ORGANIZATION_KEY = "evenhand.organization";

/** Undefined: not known yet. Null: signed out. */
let session: Session | null | undefined = $state.raw(undefined);
/** The session ended while a page was open: it stays as it is, and signing in again goes on with it. */
let lapsed = $state(false);
let chosen = $state(recall(ORGANIZATION_KEY) ?? "");

export function currentSession(): Session | null | undefined {
  return session;
}

export function hasLapsed(): boolean {
  return lapsed;
}

export function setSession(next: Session | null): void {
  session = next;
  lapsed = false;
}

/** A call was answered with "not signed in". */
export function noteSignedOut(): void {
  if (session) lapsed = true;
}

/** Ask the node who is signed in. Throws: Unreachable. */
export async function loadSession(): Promise<void> {
  try {
    setSession(await getSession());
  } catch (error) {
    if (!(error instanceof SignedOut)) throw error;
    setSession(null);
  }
}

/** What the reader is in the organization that they work for now. */
export function membership(): Membership | undefined {
  return session?.memberships.find((one) => one.organization_id === chosen) ?? session?.memberships[0];
}

export function chooseOrganization(id: string): void {
  chosen = id;
  remember(ORGANIZATION_KEY, id);
}

/** Runs projects and people there. The node decides; pages only leave out what it would refuse. */
export const manages = (role: string | undefined): boolean => role === "owner" || role === "manager";
/** Judges answers there. */
export const reviews = (role: string | undefined): boolean => manages(role) || role === "reviewer";
/** Is a reviewer from whom the project hides who gave which answer. */
export const isBlind = ({ role, document: { review } }: Pick<Project, "role" | "document">): boolean =>
  role === "reviewer" && Boolean(review) && review?.shows !== "all";
/** Sees tasks and answers there. */
export const oversees = (role: string | undefined): boolean => role !== undefined && role !== "annotator";
