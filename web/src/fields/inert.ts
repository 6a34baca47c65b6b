/**
 * Makes a page of somebody else's harmless to look at. Three walls, each of which should do alone:
 * this cleaning, the CSP in the frame's own document, and the frame's sandbox without scripts.
 */

/** Elements that load, run, redirect or send. */
const REMOVED = "script, meta, base, link, iframe, frame, frameset, object, embed, portal, applet, noscript, template";
const REMOVED_ATTRIBUTES = new Set(["action", "formaction", "ping", "srcdoc", "srcset", "target", "background", "manifest", "nonce"]);

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";

/** A whole document for a frame's `srcdoc`: no script runs, nothing is fetched, no link leads away. */
export function inert(html: string): string {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of page.querySelectorAll(REMOVED)) element.remove();
  for (const element of page.querySelectorAll("*")) clean(element);
  const head = `<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">`;
  const look = "<style>:root{color-scheme:light;background:#fff;color:#171c24;font:16px/1.5 system-ui,sans-serif}</style>";
  return `<!doctype html><html><head>${head}${look}${page.head?.innerHTML ?? ""}</head>${page.body?.outerHTML ?? ""}</html>`;
}

function clean(element: Element): void {
  for (const { name, value } of [...element.attributes]) {
    const local = name.toLowerCase();
    const leads = (local === "href" || local === "xlink:href") && !value.startsWith("#");
    const fetches = (local === "src" || local === "poster") && !value.startsWith("data:image/");
    const drop = local.startsWith("on") || REMOVED_ATTRIBUTES.has(local) || leads || fetches;
    if (drop) element.removeAttribute(name);
  }
}
