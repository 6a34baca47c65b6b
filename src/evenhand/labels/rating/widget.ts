import { adopt, hotkeys, keyRange, make, pressedIndex, uniqueId, use } from "$web/lib/kit";
import type { Json, Mount } from "$web/widget";
import css from "./widget.css?inline";

export const messages = {
  en: { "key.rate": "Rate", "problem.none": "Pick a step." },
  de: { "key.rate": "Bewerten", "problem.none": "Wählen Sie eine Stufe aus." },
};

/** The key of each step: its own digit where it is one (10 on a scale from 1 is 0), else its position. */
function stepKeys(low: number, high: number): string[] {
  const steps = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  if (low >= 0 && high <= 9) return steps.map(String);
  if (low === 1 && high === 10) return steps.map((step) => String(step % 10));
  return hotkeys(steps.map(() => ({ key: "" })));
}

/** The step, when the value is one. */
function readStep(value: Json | undefined, low: number, high: number): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high ? value : undefined;
}

const mount: Mount = ({ host, question, value, readonly, change, text }) => {
  adopt(css);
  const low = Number(question.config["min"] ?? 1);
  const high = Number(question.config["max"] ?? 5);
  const names = (question.config["labels"] ?? {}) as { [step: string]: string };
  const between = Object.keys(names).some((step) => Number(step) !== low && Number(step) !== high);
  const keys = stepKeys(low, high);
  const group = uniqueId("rating");
  let answer: number | undefined;

  const inputs = keys.map((key, i) =>
    make("input", {
      type: "radio",
      name: group,
      disabled: readonly,
      "aria-label": [low + i, names[low + i]].filter((part) => part !== undefined).join(": "),
      "aria-keyshortcuts": key || undefined,
      onchange: () => give(low + i),
    }),
  );

  function show(next: Json | undefined): void {
    answer = readStep(next, low, high);
    inputs.forEach((input, i) => (input.checked = low + i === answer));
  }

  function give(step: number): void {
    const next = step === answer && !question.required ? undefined : step;
    if (next === answer) return;
    show(next);
    change(next);
  }

  function step(input: HTMLInputElement, i: number): HTMLElement {
    const name = between ? names[low + i] : undefined;
    return make("label", {}, input, make("strong", {}, String(low + i)), name && make("small", { dir: "auto" }, name));
  }

  const steps = make("div", { class: "rating-steps", role: "radiogroup", "aria-label": question.title }, ...inputs.map(step));
  if (between) steps.style.setProperty("--least", "5.5rem");
  const [first = "", last = ""] = [names[low], names[high]];
  const ends = make("div", { class: "rating-ends", "aria-hidden": "true" }, make("span", { dir: "auto" }, first), make("span", { dir: "auto" }, last));
  host.append(make("div", { class: "rating" }, steps, !between && (first || last) ? ends : undefined));
  show(value);

  return {
    set: show,
    key(event) {
      const at = readonly ? -1 : pressedIndex(event, keys);
      if (at >= 0) return use(event, () => give(low + at));
      return inputs.includes(document.activeElement as HTMLInputElement) && /^Arrow|^ $/.test(event.key);
    },
    keys: () => [{ keys: keyRange(keys.map((key) => key.toUpperCase())), does: text("key.rate") }],
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus({ preventScroll: true }),
    problem: () => (question.required && answer === undefined ? text("problem.none") : undefined),
    destroy: () => host.replaceChildren(),
  };
};

export default mount;
