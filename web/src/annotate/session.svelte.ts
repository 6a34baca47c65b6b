/** Who is signed in, and what happens when the session lapses in the middle of the work. */
import { getSession, type Session, SignedOut, signIn } from "../lib/api";

export class Person {
  session: Session | null = $state.raw(null);
  /** The session has lapsed, or there was none: the dialog asks to sign in. */
  out = $state(false);
  /** Somebody else signed in where the session of another had lapsed. */
  other = $state(false);
  #known: string[] = [];

  /** Member ids; those of the last session while signed out, so that the journal goes on. */
  get ids(): readonly string[] {
    return this.#known;
  }

  /** The id under which this device files what is typed. */
  get id(): string {
    return this.#known[0] ?? "";
  }

  /** Ask the node who is signed in. Throws Unreachable. */
  async load(): Promise<void> {
    try {
      this.#accept(await getSession());
    } catch (error) {
      if (!(error instanceof SignedOut)) throw error;
      this.out = true;
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#accept(await signIn(email, password));
  }

  #accept(session: Session): void {
    const ids = session.memberships.map(({ member_id }) => member_id).sort();
    this.other = this.#known.length > 0 && !ids.some((id) => this.#known.includes(id));
    // Nothing of the one may be sent in the name of the other: the page starts anew.
    this.#known = this.other ? [] : ids;
    this.session = session;
    this.out = false;
  }
}
