/** Markdown to HTML that is safe to insert: no raw HTML, no pictures from elsewhere. Loaded when first needed. */
import MarkdownIt from "markdown-it";

/** Headings of the data stand below those of the page. */
const HEADING_SHIFT = 2;

type Renderer = InstanceType<typeof MarkdownIt>;

function make(links: boolean): Renderer {
  const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });
  const { rules } = markdown.renderer;
  rules["image"] = (tokens, at) => {
    const token = tokens[at];
    const text = token?.content || String(token?.attrGet("src") ?? "");
    return `<span class="picture">${markdown.utils.escapeHtml(text)}</span>`;
  };
  rules["link_open"] = (tokens, at) => {
    const address = markdown.utils.escapeHtml(String(tokens[at]?.attrGet("href") ?? ""));
    // A link in a task is data to judge, not a way out: the address shows, the press does nothing.
    if (!links) return `<span class="link" title="${address}">`;
    return `<a href="${address}" target="_blank" rel="noopener noreferrer">`;
  };
  rules["link_close"] = () => (links ? "</a>" : "</span>");
  markdown.core.ruler.push("shift-headings", (state) => {
    for (const token of state.tokens)
      if (token.type.startsWith("heading_")) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + HEADING_SHIFT)}`;
  });
  return markdown;
}

const renderers: { inert?: Renderer; linked?: Renderer } = {};

/** HTML of this Markdown. Links can be followed only with `links` (instructions, written by the manager). */
export function renderMarkdown(source: string, links: boolean): string {
  const key = links ? "linked" : "inert";
  return (renderers[key] ??= make(links)).render(source);
}
