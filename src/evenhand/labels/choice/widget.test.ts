import { beforeEach, describe, expect, it } from "vitest";
import { say } from "$web/lib/messages";
import type { Json, Widget } from "$web/widget";
import mount, { messages } from "./widget";

let changes: (Json | undefined)[];
let host: HTMLElement;

function start(choices: Json, required = true, value?: Json): Widget {
  changes = [];
  host = document.createElement("div");
  document.body.replaceChildren(host);
  return mount({
    host,
    question: { id: "q", title: "Spam?", help: "", type: "", required, config: { choices } },
    fields: [],
    data: {},
    value,
    readonly: false,
    change: (next) => changes.push(next),
    text: (key, args) => say(messages, "en", key, args),
    media: () => "",
    show: () => () => undefined,
  });
}

const press = (widget: Widget, key: string, extra: KeyboardEventInit = {}) =>
  widget.key(new KeyboardEvent("keydown", { key, cancelable: true, ...extra }));

describe("choice", () => {
  let widget: Widget;
  beforeEach(() => {
    widget = start(["ham", { id: "s", name: "spam", key: "x" }, "unsure"]);
  });

  it("is picked by digit, by its own key, by click, and reports each pick once", () => {
    expect(widget.problem()).toBe("Pick one.");
    expect(press(widget, "1")).toBe(true);
    expect(press(widget, "X")).toBe(true);
    expect(press(widget, "2")).toBe(false);
    host.querySelectorAll<HTMLInputElement>("input")[2]?.click();
    press(widget, "3");
    expect(changes).toEqual(["ham", "s", "unsure"]);
    expect(widget.problem()).toBeUndefined();
  });

  it("understands keyboards whose digits need Shift, and those without Latin letters", () => {
    expect(press(widget, "&", { code: "Digit1" })).toBe(true);
    expect(press(widget, "ч", { code: "KeyX" })).toBe(true);
    expect(changes).toEqual(["ham", "s"]);
  });

  it("leaves the browser's own shortcuts and the page's keys alone", () => {
    expect(press(widget, "1", { ctrlKey: true })).toBe(false);
    for (const key of ["Enter", "u", "s", "?", "Tab"]) expect(press(widget, key)).toBe(false);
    expect(changes).toEqual([]);
  });

  it("takes an answer back only where the question may stay open", () => {
    press(widget, "1");
    press(widget, "1");
    expect(changes).toEqual(["ham"]);
    const open = start(["ham", "spam"], false, "ham");
    press(open, "1");
    expect(changes).toEqual([undefined]);
    expect(open.problem()).toBeUndefined();
  });

  it("finds in a long list by typing, without case or marks", () => {
    const towns = ["Köln", "Bonn", ...Array.from({ length: 30 }, (_, i) => `Town ${i}`)];
    const long = start(towns);
    press(long, "/");
    const find = host.querySelector<HTMLInputElement>("input[type=search]");
    expect(document.activeElement).toBe(find);
    if (find) find.value = "koln";
    find?.dispatchEvent(new Event("input"));
    expect([...host.querySelectorAll<HTMLElement>(".pick")].filter((row) => !row.hidden)).toHaveLength(1);
    const enter = new KeyboardEvent("keydown", { key: "Enter", cancelable: true });
    Object.defineProperty(enter, "target", { value: find });
    expect(long.key(enter)).toBe(true);
    expect(changes).toEqual(["Köln"]);
  });
});
