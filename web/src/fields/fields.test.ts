import { describe, expect, it } from "vitest";
import { turns } from "./chat";
import { inert } from "./inert";
import { renderMarkdown } from "./markdown";

describe("renderMarkdown", () => {
  it("keeps HTML as text", () => {
    const html = renderMarkdown('<img src=x onerror="alert(1)"> **bold**', false);
    expect(html).toContain("&lt;img src=x onerror=");
    expect(html).toContain("<strong>bold</strong>");
  });

  it("fetches no picture", () => {
    const html = renderMarkdown("![a cat](https://elsewhere.example/cat.png)", true);
    expect(html).not.toContain("<img");
    expect(html).toContain("a cat");
  });

  it("makes links inert in data, and safe in instructions", () => {
    expect(renderMarkdown("[x](https://e.example/?a=1&b=2)", false)).not.toMatch(/<a\b|href=/);
    expect(renderMarkdown("[x](https://e.example)", true)).toContain('rel="noopener noreferrer"');
    expect(renderMarkdown("[x](javascript:alert(1))", true)).not.toContain("href");
  });

  it("puts headings below the page's own", () => {
    expect(renderMarkdown("# One\n\n##### Five", false)).toMatch(/<h3>One<\/h3>[^]*<h6>Five<\/h6>/);
  });
});

describe("inert", () => {
  const vectors = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="https://elsewhere.example" target="_top">x</a>',
    '<meta http-equiv="refresh" content="0;url=https://elsewhere.example">',
    '<base href="https://elsewhere.example/">',
    '<link rel="preconnect" href="https://elsewhere.example">',
    '<link rel="stylesheet" href="https://elsewhere.example/x.css">',
    '<iframe src="https://elsewhere.example"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="https://elsewhere.example/x.swf"></object>',
    '<embed src="https://elsewhere.example/x">',
    '<form action="https://elsewhere.example"><button formaction="https://elsewhere.example">go</button></form>',
    '<a ping="https://elsewhere.example" href="#x">x</a>',
    '<body background="https://elsewhere.example/x.png" onload="alert(1)">',
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
  ];

  it.each(vectors)("takes the sting out of %s", (vector) => {
    const page = inert(`<p>before</p>${vector}<p>after</p>`);
    const parsed = new DOMParser().parseFromString(page, "text/html");
    expect(page).not.toMatch(/alert|elsewhere\.example/);
    expect(parsed.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute("content")).toMatch(
      /^default-src 'none'/,
    );
    expect(page).toContain("before");
  });

  it("leaves what only looks: style, tables, links inside the page", () => {
    const page = inert('<style>p{color:red}</style><table><tr><td style="color:blue">1</td></tr></table><a href="#n">n</a>');
    expect(page).toContain("p{color:red}");
    expect(page).toContain('style="color:blue"');
    expect(page).toContain('href="#n"');
  });
});

describe("turns", () => {
  it("reads turns, parts of turns and plain text", () => {
    expect(turns("hello")).toEqual([{ role: "", content: "hello" }]);
    expect(turns([{ role: "user", content: "a" }, { from: "gpt", value: "b" }])).toEqual([
      { role: "user", content: "a" },
      { role: "gpt", content: "b" },
    ]);
    expect(turns([{ role: "user", content: [{ type: "text", text: "a" }, { type: "image" }] }])).toEqual([
      { role: "user", content: 'a\n{"type":"image"}' },
    ]);
  });

  it("shows what it does not know rather than nothing", () => {
    expect(turns([7, { odd: 1 }])).toEqual([
      { role: "", content: "7" },
      { role: "", content: '{"odd":1}' },
    ]);
  });
});
