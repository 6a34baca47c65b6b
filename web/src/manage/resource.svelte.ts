import { type Trouble, troubleOf } from "./attempt";

/** Something that the node knows and a page shows: loading, here, or failed. */
export class Resource<T> {
  value: T | undefined = $state.raw();
  trouble: Trouble | undefined = $state.raw();
  loading = $state(false);
  readonly #load: () => Promise<T>;
  #turn = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
    void this.reload();
  }

  /** Ask again; what is shown stays until the answer is here. A later call wins over an earlier one. */
  async reload(): Promise<void> {
    const turn = (this.#turn += 1);
    this.loading = true;
    try {
      const value = await this.#load();
      if (turn !== this.#turn) return;
      this.value = value;
      this.trouble = undefined;
    } catch (error) {
      if (turn === this.#turn) this.trouble = troubleOf(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }

  /** Show this, which the node has just given. */
  set(value: T): void {
    this.#turn += 1;
    this.value = value;
    this.trouble = undefined;
    this.loading = false;
  }
}
