import { describe, expect, it } from "vitest";
import {
  cells,
  decodeHead,
  guessMapping,
  mappingFaults,
  previewLines,
  previewTable,
  renamings,
  tableOptions,
} from "./table";

const csv = { delimiter: ",", quote: '"', header: true };

describe("cells", () => {
  it("reads quotes, doubled quotes and line ends inside of them", () => {
    expect(cells('a,"b ""c""\r\nd",e\r\nf,,g', ",", '"', false)).toEqual([
      ["a", 'b "c"\r\nd', "e"],
      ["f", "", "g"],
    ]);
  });

  it("takes every line end, and no line end at the end", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      expect(cells(`a,b${end}c,d`, ",", '"', false)).toEqual([
        ["a", "b"],
        ["c", "d"],
      ]);
      expect(cells(`a,b${end}c,d${end}`, ",", '"', false)).toHaveLength(2);
    }
  });

  it("keeps an empty cell at the end", () => {
    expect(cells("a,\nb,c", ",", '"', false)).toEqual([
      ["a", ""],
      ["b", "c"],
    ]);
    expect(cells("a,", ",", '"', false)).toEqual([["a", ""]]);
  });

  it("leaves out the row that the head cuts in two", () => {
    expect(cells('a,b\n"c and', ",", '"', true)).toEqual([["a", "b"]]);
    expect(cells("a,b\nc,", ",", '"', true)).toEqual([["a", "b"]]);
  });

  it("takes quotes as characters where the format has none", () => {
    expect(cells('ham\tsay "hi"\nspam\t"win', "\t", "", false)).toEqual([
      ["ham", 'say "hi"'],
      ["spam", '"win'],
    ]);
  });
});

describe("previews", () => {
  it("names columns by the header or by position", () => {
    const text = "\uFEFFtext,label\nhello,ham\n";
    expect(previewTable(text, csv, false)).toEqual({
      columns: ["text", "label"],
      rows: [{ text: "hello", label: "ham" }],
      cut: false,
    });
    expect(previewTable("ham\thello\n", { delimiter: "\t", quote: "", header: false }, false).rows).toEqual([
      { c1: "ham", c2: "hello" },
    ]);
  });

  it("fills ragged rows and passes over broken lines", () => {
    expect(previewTable("a,b\n1\n", csv, false).rows).toEqual([{ a: "1", b: "" }]);
    expect(previewLines('{"a":1}\nnot json\n[1]\n{"b":"x"}\n{"c":', true)).toEqual({
      columns: ["a", "b"],
      rows: [{ a: 1 }, { b: "x" }],
      cut: true,
    });
  });

  it("decodes by byte order mark", () => {
    expect(decodeHead(Uint8Array.of(0xff, 0xfe, 0x41, 0x00, 0xe4, 0x00))).toBe("Aä");
    expect(decodeHead(new TextEncoder().encode("ä😀").slice(0, -1))).toBe("ä");
  });

  it("knows tables by their suffix", () => {
    expect(tableOptions("a.TSV")?.delimiter).toBe("\t");
    expect(tableOptions("a.parquet")).toBeUndefined();
  });
});

describe("mapping", () => {
  it("finds fields whatever the case, and pairs what is left over", () => {
    expect(guessMapping(["Text", "label"], ["text"])).toEqual({ Text: "text", label: "label" });
    expect(guessMapping(["message", "external_id"], ["text"])).toEqual({ message: "text", external_id: "external_id" });
    expect(guessMapping(["", "UID", "message"], ["text"])).toEqual({ "": "", UID: "UID", message: "text" });
    expect(guessMapping(["a", "b"], ["text"])).toEqual({ a: "a", b: "b" });
  });

  it("prefers the exact name", () => {
    expect(guessMapping(["TEXT", "text"], ["text"])).toEqual({ TEXT: "TEXT", text: "text" });
  });

  it("sends only what changes its name", () => {
    expect(renamings({ a: "text", b: "b" })).toEqual({ a: "text" });
  });

  it("finds fields that nothing fills and targets taken twice", () => {
    expect(mappingFaults({ a: "text", b: "text" }, ["text", "image"])).toEqual([
      { kind: "twice", name: "text" },
      { kind: "empty-field", name: "image" },
    ]);
    expect(mappingFaults({ a: "text" }, ["text"])).toEqual([]);
  });
});
