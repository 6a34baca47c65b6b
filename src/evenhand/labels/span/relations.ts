/** Relations between spans: what a question asks for, and how an answer holds them. */
import { type Option, readOption } from "$web/lib/kit";
import type { Json } from "$web/widget";
import type { Span } from "./spans";

/** One kind of relation that a question asks for. */
export interface RelationLabel extends Option {
  /** Labels it may begin at; none: any. */
  from: string[];
  /** Labels it may lead to; none: any. */
  to: string[];
  /** False: it joins the two, and neither is where it begins. */
  directed: boolean;
}

/** A relation in the answer; where it has no direction, it begins at the span that comes first. */
export interface Link {
  from: Span;
  to: Span;
  label: string;
}

type Entry = { [key: string]: Json };

const isEntry = (value: Json | undefined): value is Entry => typeof value === "object" && value !== null && !Array.isArray(value);

const texts = (value: Json | undefined) => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

/** The relations of a configuration. */
export function readRelations(list: Json | undefined): RelationLabel[] {
  if (!Array.isArray(list)) return [];
  return list.map((entry) => {
    const { from, to, directed } = isEntry(entry) ? entry : {};
    return { ...readOption(entry), from: texts(from), to: texts(to), directed: directed !== false };
  });
}

/** Whether a relation may go from the one span to the other. */
export function allows(relation: RelationLabel, from: Span, to: Span): boolean {
  const goes = (a: Span, b: Span) =>
    (!relation.from.length || relation.from.includes(a.label)) && (!relation.to.length || relation.to.includes(b.label));
  return from !== to && (goes(from, to) || (!relation.directed && goes(to, from)));
}

/** The relation in the one form that an answer has of it. `order` are its spans, sorted. */
export function turned(link: Link, asked: readonly RelationLabel[], order: readonly Span[]): Link {
  const isDirected = asked.find(({ id }) => id === link.label)?.directed ?? true;
  return isDirected || order.indexOf(link.from) < order.indexOf(link.to) ? link : { ...link, from: link.to, to: link.from };
}

export const isSameLink = (a: Link, b: Link) => a.from === b.from && a.to === b.to && a.label === b.label;

/** The relations that an answer may hold of these: both ends are there and fit, none twice; in its order. */
export function fitting(links: readonly Link[], asked: readonly RelationLabel[], order: readonly Span[]): Link[] {
  const found: Link[] = [];
  for (const link of links.map((one) => turned(one, asked, order))) {
    const kind = asked.find(({ id }) => id === link.label);
    const isThere = order.includes(link.from) && order.includes(link.to);
    if (kind && isThere && allows(kind, link.from, link.to) && !found.some((one) => isSameLink(one, link))) found.push(link);
  }
  const place = (link: Link) => [order.indexOf(link.from), order.indexOf(link.to)] as const;
  return found.sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1] || (a.label < b.label ? -1 : Number(a.label > b.label)));
}

/** The relations of an answer or draft. `places` are its spans as they stand there; what does not fit is dropped. */
export function readLinks(value: Json | undefined, places: readonly (Span | undefined)[], asked: readonly RelationLabel[], order: readonly Span[]): Link[] {
  if (!Array.isArray(value) || !asked.length) return [];
  const found = value.flatMap((entry, i) => {
    const from = places[i];
    const own = isEntry(entry) && Array.isArray(entry["relations"]) ? entry["relations"] : [];
    return own.flatMap((one): Link[] => {
      if (!from || !isEntry(one) || Object.keys(one).length !== 2) return [];
      const to = typeof one["to"] === "number" ? places[one["to"]] : undefined;
      return to && typeof one["label"] === "string" ? [{ from, to, label: one["label"] }] : [];
    });
  });
  return fitting(found, asked, order);
}

/** What the answer says of the relations that begin at a span; left out where none does. */
export function writeLinks(span: Span, links: readonly Link[], order: readonly Span[]): { relations?: { to: number; label: string }[] } {
  const own = links.filter(({ from }) => from === span).map(({ to, label }) => ({ to: order.indexOf(to), label }));
  return own.length ? { relations: own } : {};
}
