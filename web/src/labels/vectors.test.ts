/** Every widget against the vectors that the Python side reads too. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Args, say } from "../lib/messages";
import type { FieldType, Json, Question, WidgetModule } from "../widget";

interface Vector {
  config: { [key: string]: Json };
  fields: { [name: string]: FieldType };
  data: { [name: string]: Json };
  answer: Json;
  invalid?: string;
}

const labels = resolve(__dirname, "../../../src/evenhand/labels");
const modules = import.meta.glob<WidgetModule>("../../../src/evenhand/labels/*/widget.ts");
const types = readdirSync(labels).filter((name) => existsSync(resolve(labels, name, "widget.ts")));

function start(module: WidgetModule, vector: Vector, value: Json | undefined, readonly = false) {
  const host = document.createElement("div");
  document.body.append(host);
  const changes: (Json | undefined)[] = [];
  const question: Question = { id: "q", title: "Question?", help: "", type: "", required: true, config: vector.config };
  const widget = module.default({
    host,
    question,
    fields: Object.entries(vector.fields).map(([name, type]) => ({ name, type, title: "" })),
    data: vector.data,
    value,
    readonly,
    change: (next) => changes.push(next),
    text: (key: string, args?: Args) => say(module.messages, "en", key, args),
    media: () => "",
    show: () => () => undefined,
  });
  return { host, widget, changes };
}

afterEach(() => document.body.replaceChildren());

describe.each(types)("%s", (type) => {
  const vectors = JSON.parse(readFileSync(resolve(labels, type, "vectors.json"), "utf8")) as Vector[];
  const valid = vectors.filter((vector) => vector.invalid === undefined);
  const load = async () => {
    const module = await modules[`../../../src/evenhand/labels/${type}/widget.ts`]?.();
    if (!module) throw new Error(`No widget for ${type}`);
    return module;
  };

  it("takes every valid answer, and shows it without an edit of its own", async () => {
    const module = await load();
    for (const vector of valid) {
      const { widget, changes } = start(module, vector, vector.answer);
      expect(widget.problem(), JSON.stringify(vector)).toBeUndefined();
      widget.set(vector.answer);
      await Promise.resolve();
      expect(changes, JSON.stringify(vector)).toEqual([]);
      widget.destroy();
    }
  });

  it("survives every invalid answer, and a change of heart", async () => {
    const module = await load();
    for (const vector of vectors) {
      const { host, widget } = start(module, vector, undefined);
      widget.set(vector.answer);
      widget.set(undefined);
      widget.destroy();
      expect(host.childElementCount).toBe(0);
    }
  });

  it("edits nothing when it only shows", async () => {
    const module = await load();
    for (const vector of valid) {
      const { host, widget, changes } = start(module, vector, vector.answer, true);
      for (const key of ["1", "2", "9", "0", "b", "Delete", "ArrowRight", "n"])
        widget.key(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      for (const control of host.querySelectorAll<HTMLElement>("input, button")) control.click();
      await Promise.resolve();
      expect(changes, JSON.stringify(vector)).toEqual([]);
      widget.destroy();
    }
  });

  it("says what its keys do, and all its texts in German too", async () => {
    const module = await load();
    const { widget } = start(module, valid[0] as Vector, undefined);
    for (const { keys, does } of widget.keys()) expect(`${keys} ${does}`).not.toMatch(/undefined|key\./);
    expect(Object.keys(module.messages["de"] ?? {}).sort()).toEqual(Object.keys(module.messages["en"] ?? {}).sort());
    widget.destroy();
  });
});
