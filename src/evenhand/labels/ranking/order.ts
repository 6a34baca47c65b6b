import type { Json } from "$web/widget";

/** Ids of items, best first; ids of one inner list tie. A draft may lack items. */
export type Ranks = readonly (readonly string[])[];

/** What of this value is an order of these items; the rest is dropped, so that a draft never breaks the page. */
export function readRanks(value: Json | undefined, ids: readonly string[], ties: boolean): Ranks {
  const left = new Set(ids);
  const known = (id: Json): id is string => typeof id === "string" && left.delete(id);
  const ranks = (Array.isArray(value) ? value : []).map((rank) => (Array.isArray(rank) ? rank.filter(known) : []));
  return tidy(ties ? ranks : ranks.flat().map((id) => [id]));
}

const tidy = (ranks: Ranks): Ranks => ranks.filter((rank) => rank.length > 0);

export function remove(ranks: Ranks, id: string): Ranks {
  return tidy(ranks.map((rank) => rank.filter((one) => one !== id)));
}

/** Puts the item behind all ranked ones, or beside the last of them. */
export function place(ranks: Ranks, id: string, beside = false): Ranks {
  const rest = remove(ranks, id);
  const last = rest[rest.length - 1];
  return beside && last ? [...rest.slice(0, -1), [...last, id]] : [...rest, [id]];
}

/** When one item is left, its rank is no question any more. */
export function complete(ranks: Ranks, ids: readonly string[]): Ranks {
  const left = ids.filter((id) => !ranks.some((rank) => rank.includes(id)));
  return left.length === 1 && left[0] && ids.length > 1 ? place(ranks, left[0]) : ranks;
}

/** Gives the item a rank of its own, with this many of the other ranks before it. */
export function moveTo(ranks: Ranks, id: string, before: number): Ranks {
  const rest = remove(ranks, id);
  return [...rest.slice(0, before), [id], ...rest.slice(before)];
}

/** One rank up or down; out of a tie, the item comes to stand right before or behind it. */
export function step(ranks: Ranks, id: string, by: 1 | -1): Ranks {
  const at = ranks.findIndex((rank) => rank.includes(id));
  const rank = ranks[at];
  if (!rank) return ranks;
  if (rank.length > 1) return moveTo(ranks, id, by < 0 ? at : at + 1);
  return moveTo(ranks, id, Math.min(ranks.length - 1, Math.max(0, at + by)));
}

/** Joins the item with the rank before it; one that ties gets a rank of its own behind the others. */
export function toggleTie(ranks: Ranks, id: string): Ranks {
  const at = ranks.findIndex((rank) => rank.includes(id));
  const [before, rank] = [ranks[at - 1], ranks[at]];
  if (!rank) return ranks;
  if (rank.length > 1) return moveTo(ranks, id, at + 1);
  return before ? [...ranks.slice(0, at - 1), [...before, id], ...ranks.slice(at + 1)] : ranks;
}
