import { describe, expect, it } from "vitest";
import { commandOf, offersToWidget, type Place, placeOf } from "./keyboard";

const press = (key: string, more: KeyboardEventInit = {}) => new KeyboardEvent("keydown", { key, ...more });
const nowhere: Place = { typing: false, inWidget: false, onControl: false };
const text: Place = { typing: true, inWidget: true, onControl: false };
const button: Place = { typing: false, inWidget: false, onControl: true };

describe("commands", () => {
  it.each([
    ["u", "undo"],
    ["U", "redo"],
    ["s", "skip"],
    ["?", "keys"],
    ["[", "back"],
    ["Enter", "go-on"],
    ["ArrowDown", "next-question"],
    ["x", undefined],
  ])("%s means %s", (key, command) => {
    expect(commandOf(press(key), nowhere, true)).toBe(command);
  });

  it("leaves letters to a text, and submits from it by Ctrl+Enter", () => {
    expect(commandOf(press("u"), text, true)).toBeUndefined();
    expect(commandOf(press("z", { ctrlKey: true }), text, true)).toBeUndefined();
    expect(commandOf(press("Enter", { ctrlKey: true }), text, true)).toBe("go-on");
    expect(commandOf(press("Escape"), text, true)).toBe("leave-text");
  });

  it("leaves Enter to a focused button", () => {
    expect(commandOf(press("Enter"), button, true)).toBeUndefined();
    expect(commandOf(press("u"), button, true)).toBe("undo");
  });

  it("has no single keys when they are turned off (WCAG 2.1.4)", () => {
    for (const key of ["u", "s", "?", "["]) expect(commandOf(press(key), nowhere, false)).toBeUndefined();
    expect(commandOf(press("Enter", { ctrlKey: true }), nowhere, false)).toBe("go-on");
    expect(offersToWidget(press("1"), nowhere, false)).toBe(false);
    expect(offersToWidget(press("1"), { ...nowhere, inWidget: true }, false)).toBe(true);
  });

  it("leaves the browser its own keys", () => {
    for (const key of ["f", "d", "s", "u"]) {
      expect(commandOf(press(key, { ctrlKey: true }), nowhere, true)).toBeUndefined();
      expect(commandOf(press(key, { altKey: true }), nowhere, true)).toBeUndefined();
    }
  });

  it("takes brackets as they are typed on a German keyboard", () => {
    expect(commandOf(press("[", { ctrlKey: true, altKey: true }), nowhere, true)).toBe("back");
    expect(commandOf(press("]", { altKey: true }), nowhere, true)).toBe("forward");
    expect(commandOf(press("[", { ctrlKey: true }), nowhere, true)).toBeUndefined();
  });

  it("offers keys to the widget, but not those that a focused button needs", () => {
    expect(offersToWidget(press("1"), nowhere, true)).toBe(true);
    expect(offersToWidget(press("1"), button, true)).toBe(true);
    expect(offersToWidget(press(" "), button, true)).toBe(false);
    expect(offersToWidget(press("Enter"), button, true)).toBe(false);
  });

  it("knows where it is", () => {
    document.body.innerHTML = `<button id="b"></button><div class="widget"><button id="w"></button><textarea id="t"></textarea></div>`;
    const at = (id: string) => placeOf(document.getElementById(id));
    expect(at("b")).toEqual({ typing: false, inWidget: false, onControl: true });
    expect(at("w")).toEqual({ typing: false, inWidget: true, onControl: false });
    expect(at("t")).toEqual({ typing: true, inWidget: true, onControl: false });
  });
});
