import { adopt, hotkeys, isTyping, keyRange, make, pressedIndex, uniqueId, use } from "$web/lib/kit";
import type { Json, Mount, Question } from "$web/widget";
import { type Preference, preferences, readDraft, strength, writeDraft } from "./preference";
import css from "./widget.css?inline";

export const messages = {
  en: {
    a: "A is better",
    "a.much": "A is much better",
    "a.slightly": "A is slightly better",
    "a.by": "A by {by}",
    b: "B is better",
    "b.much": "B is much better",
    "b.slightly": "B is slightly better",
    "b.by": "B by {by}",
    tie: "Tie",
    both_bad: "Both are bad",
    why: "Why?",
    "why.optional": "Why? (if you like)",
    "key.pick": "Prefer, from A to B",
    "key.bad": "Both are bad",
    "problem.none": "Say which one is better.",
    "problem.why": "Say why.",
  },
  de: {
    a: "A ist besser",
    "a.much": "A ist viel besser",
    "a.slightly": "A ist etwas besser",
    "a.by": "A um {by}",
    b: "B ist besser",
    "b.much": "B ist viel besser",
    "b.slightly": "B ist etwas besser",
    "b.by": "B um {by}",
    tie: "Gleich gut",
    both_bad: "Beide schlecht",
    why: "Warum?",
    "why.optional": "Warum? (wenn Sie mögen)",
    "key.pick": "Vorziehen, von A bis B",
    "key.bad": "Beide schlecht",
    "problem.none": "Sagen Sie, welches besser ist.",
    "problem.why": "Sagen Sie, warum.",
  },
};

const sides = ({ config }: Question) => [String(config["a"] ?? ""), String(config["b"] ?? "")] as const;

/** Both fields stand in the widget, side by side. */
export function draws(question: Question): string[] {
  return [...sides(question)];
}

const mount: Mount = ({ host, question, fields, value, readonly, change, text, show: showField }) => {
  adopt(css);
  const { config } = question;
  const scale = Number(config["scale"] ?? 3);
  const offered = preferences(scale, config["both_bad"] === true);
  const steps = offered.filter((one) => one !== "both_bad");
  const keys = [...hotkeys(steps.map(() => ({ key: "" }))), "0"].slice(0, offered.length);
  const justification = String(config["justification"] ?? "none");
  const group = uniqueId("pairwise");
  const removals: (() => void)[] = [];
  let draft = readDraft(value, offered);

  const panels = sides(question).map((name, i) => panel(name, i === 0 ? "A" : "B"));
  const inputs = offered.map((one, i) => {
    const attributes = { type: "radio", name: group, disabled: readonly, "aria-keyshortcuts": keys[i] || undefined };
    return make("input", { ...attributes, onchange: () => prefer(one) });
  });
  const why = make("textarea", { rows: 2, dir: "auto", readonly, oninput: () => give({ ...draft, justification: why.value.toWellFormed() }) });
  host.append(
    make(
      "div",
      { class: "pairwise" },
      make("div", { class: "pairwise-sides" }, ...panels),
      make("div", { class: "pairwise-scale", role: "radiogroup", "aria-label": question.title }, ...offered.flatMap(step)),
      justification !== "none" &&
        make("label", { class: "pairwise-why" }, make("span", { class: "label" }, text(justification === "optional" ? "why.optional" : "why")), why),
    ),
  );

  function panel(name: string, letter: string): HTMLElement {
    const inside = make("div");
    const title = fields.find((field) => field.name === name)?.title || name;
    removals.push(showField(name, inside));
    const heading = make("div", { class: "pairwise-title" }, make("b", {}, letter), make("span", { dir: "auto" }, title));
    return make("section", { class: "pairwise-side", "aria-label": `${letter}: ${title}` }, heading, inside);
  }

  function step(one: Preference, i: number): (HTMLElement | undefined)[] {
    const name = text(strength(one, scale), { by: Math.abs(Number(one)) });
    const hint = keys[i] && !readonly ? make("kbd", { class: "hint-key", "aria-hidden": "true" }, keys[i]) : undefined;
    const gap = one === "both_bad" ? make("span", { class: "pairwise-gap" }) : undefined;
    return [gap, make("label", { class: "button" }, inputs[i], name, hint)];
  }

  function draw(): void {
    inputs.forEach((input, i) => (input.checked = offered[i] === draft.preference));
    const side = typeof draft.preference === "number" ? Math.sign(draft.preference) : 0;
    panels.forEach((element, i) => element.classList.toggle("better", side === (i === 0 ? -1 : 1)));
    if (why.value !== draft.justification) why.value = draft.justification;
  }

  function give(next: typeof draft): void {
    draft = next;
    draw();
    change(writeDraft(draft));
  }

  function prefer(preference: Preference): void {
    const again = preference === draft.preference && !question.required;
    give({ ...draft, preference: again ? undefined : preference });
  }

  function set(next: Json | undefined): void {
    draft = readDraft(next, offered);
    draw();
  }

  function problem(): string | undefined {
    const empty = draft.preference === undefined;
    if (empty) return question.required || draft.justification.trim() ? text("problem.none") : undefined;
    return justification === "required" && !draft.justification.trim() ? text("problem.why") : undefined;
  }

  function key(event: KeyboardEvent): boolean {
    if (event.target === why) {
      if (event.key === "Escape") why.blur();
      if (event.key === "Enter") return !event.ctrlKey && !event.metaKey;
      return event.key !== "Tab" && event.key !== "Escape";
    }
    const at = readonly || isTyping(event) ? -1 : pressedIndex(event, keys);
    const preference = offered[at];
    if (preference !== undefined) return use(event, () => prefer(preference));
    return inputs.includes(document.activeElement as HTMLInputElement) && /^Arrow|^ $/.test(event.key);
  }

  draw();
  return {
    set,
    key,
    keys() {
      const bad = offered.includes("both_bad") ? [{ keys: "0", does: text("key.bad") }] : [];
      return [{ keys: keyRange(keys.slice(0, steps.length)), does: text("key.pick") }, ...bad];
    },
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus({ preventScroll: true }),
    problem,
    destroy() {
      for (const remove of removals) remove();
      host.replaceChildren();
    },
  };
};

export default mount;
