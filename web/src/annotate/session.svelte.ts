/** Who is signed in, and what happens when the session lapses in the middle of the work. */
import { assumeSession, getSession, type Session, SignedOut, signIn, Unreachable } from "../lib/api";
import { keepWho, keptWho } from "../lib/kept";

export class Person {
  session: Session | null = $state.raw(null);
  /** The session has lapsed, or there was none: the dialog asks to sign in. */
  out = $state(false);
  /** Somebody else signed in where the session of another had lapsed. */
  other = $state(false);
  /** The node has not said who this is yet: the last session on this device goes on. */
  assumed = $state(false);
  #known: string[] = [];
  #asking: Promise<void> | undefined;

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

  /** Go on as whoever was signed in last on this device, until the node says; false: nobody was. */
  async assume(): Promise<boolean> {
    const last = await keptWho<Session>().catch(() => undefined);
    if (!last) return false;
    this.#known = idsOf(last);
    this.session = last;
    this.assumed = true;
    assumeSession(() => this.#confirm());
    return true;
  }

  /** Throws Unreachable, also where somebody else is signed in: the page begins anew then. */
  async #confirm(): Promise<void> {
    this.#asking ??= this.load().finally(() => (this.#asking = undefined));
    await this.#asking;
    if (this.other) throw new Unreachable("Somebody else has signed in.");
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#accept(await signIn(email, password));
  }

  #accept(session: Session): void {
    const ids = idsOf(session);
    this.other = this.#known.length > 0 && !ids.some((id) => this.#known.includes(id));
    // Nothing of the one may be sent in the name of the other: the page starts anew.
    this.#known = this.other ? [] : ids;
    this.session = session;
    this.out = false;
    this.assumed = false;
    assumeSession(null);
    // Lost, it costs a reload without the node, and nothing else.
    void keepWho({ ...session, csrf: null }).catch(() => undefined);
  }
}

const idsOf = (session: Session): string[] => session.memberships.map(({ member_id }) => member_id).sort();
