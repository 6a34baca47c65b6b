/**
 * What this device keeps so that a reload without the node shows the work again: who is signed in, the
 * tasks that they hold, and the files that these tasks show.
 *
 * It lies in one cache of the browser, only where a service worker can show the page (secure contexts),
 * and goes as a whole with `forgetAll`: at sign-out, when a session has ended, when somebody else comes.
 * Nothing is kept for nobody: without the entry of who is signed in, `keep` does nothing.
 */
const CACHE = "evenhand-kept";
const WHO = "/kept/who";
const LARGEST = 50_000_000; // bytes of a file worth keeping, a minute or more of video; three tasks may be ahead

/** As much of a session as tells whose it is. */
interface Who {
  memberships: { member_id: string }[];
}

/** Whether a page of this origin can be opened without the node. */
const able = typeof navigator !== "undefined" && "serviceWorker" in navigator && "caches" in globalThis;

/** The cache, while somebody is signed in. A cache deleted meanwhile takes what is written to it along. */
async function openCache(): Promise<Cache | undefined> {
  if (!able) return undefined;
  const cache = await caches.open(CACHE);
  return (await cache.match(WHO)) ? cache : undefined;
}

const told = (value: unknown): Response => new Response(JSON.stringify(value));

async function read<T>(answer: Response | undefined): Promise<T | undefined> {
  return answer ? ((await answer.json()) as T) : undefined;
}

/** Note who is signed in: only from now on anything is kept. */
export async function keepWho<T extends Who>(who: T): Promise<void> {
  if (able) await (await caches.open(CACHE)).put(WHO, told(who));
}

export async function keptWho<T extends Who>(): Promise<T | undefined> {
  return able ? read<T>(await (await caches.open(CACHE)).match(WHO)) : undefined;
}

/** Keep a task under the id of its assignment. */
export async function keepTask(id: string, task: { [key: string]: unknown }): Promise<void> {
  await (await openCache())?.put(`/kept/task/${id}`, told(task));
}

/** Forget a task and its media. */
export async function dropTask(id: string, task: string): Promise<void> {
  const cache = await openCache();
  if (!cache) return;
  const media = (await cache.keys()).filter(({ url }) => new URL(url).pathname.startsWith(`/api/v1/tasks/${task}/`));
  await Promise.all([cache.delete(`/kept/task/${id}`), ...media.map((request) => cache.delete(request))]);
}

/** The tasks kept, oldest first. */
export async function keptTasks<T>(): Promise<T[]> {
  const cache = await openCache();
  if (!cache) return [];
  const requests = (await cache.keys()).filter(({ url }) => new URL(url).pathname.startsWith("/kept/task/"));
  const tasks = await Promise.all(requests.map(async (request) => read<T>(await cache.match(request))));
  return tasks.filter((task) => task !== undefined);
}

/** Keep a file of our own origin; one that is large or cannot be fetched is not. */
export async function keepFile(address: string): Promise<void> {
  const cache = await openCache();
  if (!cache || (await cache.match(address))) return;
  const answer = await fetch(address, { credentials: "same-origin" });
  if (answer.status === 200 && Number(answer.headers.get("content-length") ?? 0) <= LARGEST) {
    await cache.put(address, answer);
  } else await answer.body?.cancel();
}

/** Keep nothing of anybody but these members. */
export async function forgetOthers(members: readonly string[]): Promise<void> {
  const who = await keptWho<Who>();
  if (who && !who.memberships.some(({ member_id }) => members.includes(member_id))) await forgetAll();
}

/** Keep nothing any more. */
export async function forgetAll(): Promise<void> {
  if (able) await caches.delete(CACHE).catch(() => false);
}
