/** How two parties stand to each other, as a sentence in the reader's language. */
import type { Connection, Link } from "../../lib/api.exchange";
import { currentLanguage } from "../../lib/language.svelte";
import { x } from "./words";

const WHOLE = 100_000_000; // a share is told in so many parts

function part(share: number): string {
  return new Intl.NumberFormat(currentLanguage(), { style: "percent", maximumFractionDigits: 2, roundingMode: "trunc" } as Intl.NumberFormatOptions).format(share / WHOLE);
}

const link = ({ holder, held, kind, share }: Link): string => x(`link.${kind}`, { holder, held, share: part(share) });

export function sentence({ why, holder, held, share, links }: Connection): string {
  const way = links.map(link).join(", ");
  return x(why === "opaque" && holder === held ? "connection.unknown" : `connection.${why}`, { holder, held, share: part(share), way });
}
