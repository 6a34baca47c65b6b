/** How pools are called, for people. */
import { currentLanguage } from "../../lib/language.svelte";
import type { SharedPool } from "../../lib/api.exchange";
import { x } from "./words";

function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([currentLanguage()], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // it is no tag
  }
}

export const poolName = (pool: SharedPool | undefined): string =>
  pool ? x("pool.name", { language: languageName(pool.language), band: pool.band }) : "";
