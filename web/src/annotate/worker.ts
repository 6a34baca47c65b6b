/**
 * The service worker of the annotator's page: the page opens although the node cannot be reached.
 *
 * It keeps files that anyone may fetch (the page, its modules and styles, the widgets) and nothing of
 * a person. What a person's tasks need (lib/kept.ts) it only hands out, and only when the node does not
 * answer. The build writes the list of files into it, so each build is a worker of its own: the browser
 * sees the change, and a page never meets the modules of another build.
 *
 * W3C Service Workers, https://www.w3.org/TR/service-workers/.
 */

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

/** What the types of a window lack. */
interface Scope {
  addEventListener(type: "install" | "activate", listen: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listen: (event: Fetching) => void): void;
  skipWaiting(): Promise<void>;
}

interface Build {
  /** Digest of all that it consists of. */
  name: string;
  /** SHA-256 of the page, hexadecimal. */
  page: string;
  /** Addresses of all else. */
  files: string[];
}

/** Written in by vite.config.ts. */
declare const __EVENHAND_BUILD__: Build;
declare const self: Scope;

const BUILD: Build = __EVENHAND_BUILD__;
const PAGE = "/annotate";
const SHELVES = "evenhand-page-";
const OURS = SHELVES + BUILD.name;
const KEPT = "evenhand-kept"; // as in lib/kept.ts, which this file cannot import: it must be one file
const PATIENCE = 5_000; // ms that the node has to answer before the page that we have is shown

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(asset(request));
  else if (/^\/api\/v1\/tasks\/[^/]+\/media\//.test(pathname)) event.respondWith(medium(request));
});

async function install(): Promise<void> {
  try {
    await fill(await caches.open(OURS));
  } catch (error) {
    await caches.delete(OURS);
    throw error;
  }
  // The page in the old tabs finds its modules on the shelf before this one: see `tidy`.
  await self.skipWaiting();
}

async function fill(shelf: Cache): Promise<void> {
  const found = await fetch(PAGE, { cache: "no-cache" });
  const digest = await crypto.subtle.digest("SHA-256", await found.clone().arrayBuffer());
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // While a node is upgraded, page and worker may come from two builds. The browser asks again later.
  if (hex !== BUILD.page) throw new Error("The page is of another build than its worker.");
  await shelf.addAll(BUILD.files);
  await shelf.put(PAGE, found);
}

/** Keep this build and the one before it, which an open tab may still run; `keys` gives the oldest first. */
async function tidy(): Promise<void> {
  const earlier = (await caches.keys()).filter((name) => name.startsWith(SHELVES) && name !== OURS);
  await Promise.all(earlier.slice(0, -1).map((name) => caches.delete(name)));
}

/** From the node, so that an upgrade shows at once; from here when it does not answer. */
async function page(request: Request): Promise<Response> {
  const asked = fetch(request);
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE));
  const answer = await Promise.race([asked.catch(() => undefined), late]);
  if (answer && answer.status < 500) return answer;
  const shelf = await caches.open(OURS);
  return (await shelf.match(PAGE)) ?? answer ?? asked;
}

/** Names carry the digest of the content, so what is here is right. */
async function asset(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function medium(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request.url, { cacheName: KEPT, ignoreVary: true });
    if (kept) return part(kept, request.headers.get("range"));
    throw error;
  }
}

/** As much as is asked for of a sound or video: given the whole, browsers cannot jump in it (RFC 9110, 14.2). */
async function part(whole: Response, range: string | null): Promise<Response> {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
  if (!asked) return whole;
  const all = await whole.blob();
  const start = Number(asked[1]);
  const end = Math.min(asked[2] ? Number(asked[2]) + 1 : all.size, all.size);
  if (start >= end) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${all.size}` } });
  const headers = new Headers(whole.headers);
  headers.set("Content-Range", `bytes ${start}-${end - 1}/${all.size}`);
  headers.set("Content-Length", String(end - start));
  return new Response(all.slice(start, end), { status: 206, headers });
}

export {};
