/** Rows in the order of one of their columns. */
import type { Cell } from "./csv";

export interface Order {
  /** Of the column. */
  key: string;
  down: boolean;
}

/** The rows by this value; those that have none come last either way, equal ones stay as they were. */
export function ordered<T>(rows: readonly T[], value: (row: T) => Cell, down: boolean, language: string): T[] {
  const names = new Intl.Collator(language, { numeric: true });
  const sign = down ? -1 : 1;
  const compare = (a: Cell, b: Cell): number => {
    if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : names.compare(String(a), String(b)));
  };
  return [...rows].sort((a, b) => compare(value(a), value(b)));
}

/** What a press on a column's head asks for: names from A, figures the highest first, then the other way. */
export function pressed(order: Order | undefined, key: string, figures: boolean): Order {
  return order?.key === key ? { key, down: !order.down } : { key, down: figures };
}
