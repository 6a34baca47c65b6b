/**
 * Active time: how long a person worked on a task, measured so that it can be shown to them.
 *
 * Counted is the time in which the page is visible and the person is there: up to two minutes after
 * the last sign of life (a key, a pointer, a scroll, or the task's appearance), because reading and
 * thinking are work and give no sign. Not counted are a hidden page and a sleeping machine.
 */

/** How long a person who gives no sign is taken to be reading. */
export const READING = 120_000; // ms

/** The page looks at the clock every second; a longer silence than this means that the machine slept. */
const SLEEP = 10_000; // ms

export class ActiveTime {
  #spent: number; // ms counted up to `#last`
  #last: number; // when the time was last looked at
  #until: number; // present until then
  #visible: boolean;

  /** Begin at `now` (milliseconds of any clock that does not jump), with `spent` seconds from before. */
  constructor(now: number, visible: boolean, spent = 0) {
    this.#spent = spent * 1000;
    this.#last = now;
    this.#until = now + READING;
    this.#visible = visible;
  }

  /** Count up to `now`. Call it at least once a second. */
  tick(now: number): void {
    const gap = now - this.#last;
    if (this.#visible && gap > 0 && gap <= SLEEP) {
      this.#spent += Math.max(0, Math.min(now, this.#until) - this.#last);
    }
    this.#last = now;
  }

  /** A sign of life. */
  sign(now: number): void {
    this.tick(now);
    this.#until = now + READING;
  }

  /** The page came into view or went out of it. Coming back is a sign of life. */
  show(now: number, visible: boolean): void {
    this.tick(now);
    this.#visible = visible;
    if (visible) this.#until = now + READING;
  }

  /** Whether time is being counted. */
  running(now: number): boolean {
    return this.#visible && now < this.#until;
  }

  /** Seconds counted so far, to the tenth. */
  get seconds(): number {
    return Math.round(this.#spent / 100) / 10;
  }
}
