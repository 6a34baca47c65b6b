/** Where the reader is: the address bar as state, through the History API. */
import { tick } from "svelte";
import { match, type Route } from "./router";

let address = $state({ path: location.pathname, search: location.search });
let mayLeave: (() => boolean) | undefined;

export function currentRoute(): Route | undefined {
  return match(address.path);
}

/** A value of the address's search part, or "". */
export function searchValue(name: string): string {
  return new URLSearchParams(address.search).get(name) ?? "";
}

/** While set, a page asks before it is left. Returns how to take it back. */
export function guardLeaving(may: () => boolean): () => void {
  mayLeave = may;
  return () => {
    if (mayLeave === may) mayLeave = undefined;
  };
}

/** Go to an address of these pages. */
export async function go(to: string, options: { replace?: boolean } = {}): Promise<void> {
  if (mayLeave && !mayLeave()) return;
  mayLeave = undefined;
  history[options.replace ? "replaceState" : "pushState"](null, "", to);
  await arrive();
}

/** Note the state of the page (filters) in the address, without going anywhere. */
export function noteSearch(values: { [name: string]: string }): void {
  const given = Object.entries(values).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  const search = query === "" ? "" : `?${query}`;
  if (search === location.search) return;
  history.replaceState(history.state, "", location.pathname + search);
  address = { path: location.pathname, search };
}

async function arrive(): Promise<void> {
  const moved = location.pathname !== address.path;
  address = { path: location.pathname, search: location.search };
  if (!moved) return;
  await tick();
  window.scrollTo(0, 0);
  // Readers of the screen hear where they are; without this the focus would stay on a link that is gone.
  document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
}

/** Follow links inside these pages without loading them anew. */
function follow(event: MouseEvent): void {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
  if (event.defaultPrevented || modified || !(event.target instanceof Element)) return;
  const link = event.target.closest("a");
  if (!link?.href || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (match(link.pathname) === undefined || (link.hash !== "" && link.pathname === location.pathname)) return;
  event.preventDefault();
  void go(link.pathname + link.search);
}

function back(): void {
  if (mayLeave && !mayLeave()) {
    // The address bar has moved already: put it back, so that it says what is shown.
    history.pushState(null, "", address.path + address.search);
    return;
  }
  mayLeave = undefined;
  void arrive();
}

/** Start to listen. Returns how to stop. */
export function watchPlace(): () => void {
  document.addEventListener("click", follow);
  window.addEventListener("popstate", back);
  return () => {
    document.removeEventListener("click", follow);
    window.removeEventListener("popstate", back);
  };
}
