/** The addresses of these pages. The server answers each of them with the same document. */

const PATTERNS = {
  projects: "/",
  invite: "/invite/:token",
  create: "/projects/new",
  restore: "/projects/restore",
  overview: "/projects/:project",
  settings: "/projects/:project/settings",
  import: "/projects/:project/import",
  tasks: "/projects/:project/tasks",
  task: "/projects/:project/tasks/:task",
  gold: "/projects/:project/gold",
  pay: "/projects/:project/pay",
  qualification: "/qualification/:project",
  review: "/projects/:project/review",
  quality: "/projects/:project/quality",
  models: "/projects/:project/models",
  export: "/projects/:project/export",
  people: "/people",
  webhooks: "/webhooks",
  account: "/account",
  own: "/quality",
  organizations: "/organizations",
  exchange: "/exchange",
  pool: "/exchange/pools/:pool",
  overrides: "/exchange/overrides",
  ownership: "/ownership",
  log: "/log",
} as const;

export type PageName = keyof typeof PATTERNS;

export interface Route {
  page: PageName;
  /** The variable parts of the address, decoded. */
  params: { readonly [name: string]: string };
}

/** The page at this path; undefined where there is none. A slash at the end makes no difference. */
export function match(path: string): Route | undefined {
  const parts = split(path);
  for (const [page, pattern] of Object.entries(PATTERNS)) {
    const params = bind(split(pattern), parts);
    if (params) return { page: page as PageName, params };
  }
  return undefined;
}

/** The address of a page: `href("task", { project: "p1", task: "p1-7" })`. */
export function href(page: PageName, params: Route["params"] = {}, search: { [key: string]: string } = {}): string {
  const path = PATTERNS[page].replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const query = new URLSearchParams(search).toString();
  return query === "" ? path : `${path}?${query}`;
}

function split(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function bind(pattern: string[], parts: string[]): Route["params"] | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: { [name: string]: string } = {};
  for (const [i, name] of pattern.entries()) {
    const part = decoded(parts[i] ?? "");
    if (name.startsWith(":") && part !== undefined) params[name.slice(1)] = part;
    else if (name !== part) return undefined;
  }
  return params;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined; // "%zz" is no address of ours
  }
}
