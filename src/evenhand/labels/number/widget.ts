import { adopt, isTyping, make, uniqueId, use } from "$web/lib/kit";
import type { Json, Mount } from "$web/widget";
import { complaint, nudge, readLimits, readNumber } from "./read";
import css from "./widget.css?inline";

export const messages = {
  en: {
    less: "Less",
    more: "More",
    "key.type": "Type the number",
    "key.nudge": "One step up or down",
    "limits.both": "From {min} to {max}",
    "limits.min": "{min} or more",
    "limits.max": "{max} or less",
    "problem.none": "Enter a number.",
    "problem.number": "“{written}” cannot be read as a number.",
    "problem.min": "The smallest number is {min}.",
    "problem.max": "The largest number is {max}.",
    "problem.integer": "Only whole numbers count.",
    "problem.step": "Only steps of {step} count.",
  },
  de: {
    less: "Weniger",
    more: "Mehr",
    "key.type": "Zahl eingeben",
    "key.nudge": "Einen Schritt mehr oder weniger",
    "limits.both": "Von {min} bis {max}",
    "limits.min": "{min} oder mehr",
    "limits.max": "{max} oder weniger",
    "problem.none": "Geben Sie eine Zahl ein.",
    "problem.number": "„{written}“ lässt sich nicht als Zahl lesen.",
    "problem.min": "Die kleinste Zahl ist {min}.",
    "problem.max": "Die größte Zahl ist {max}.",
    "problem.integer": "Nur ganze Zahlen zählen.",
    "problem.step": "Nur Schritte von {step} zählen.",
  },
};

const mount: Mount = ({ host, question, value, readonly, change, text }) => {
  adopt(css);
  const limits = readLimits(question.config);
  const unit = String(question.config["unit"] ?? "");
  const { min, max } = limits;
  const about = min !== undefined && max !== undefined ? "both" : min !== undefined ? "min" : max !== undefined ? "max" : "";
  const id = uniqueId("number");

  const input = make("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": question.title,
    "aria-describedby": id,
    readonly,
    oninput: () => tell(),
  });
  const less = button("−", text("less"), -1);
  const more = button("+", text("more"), 1);
  const range = about && text(`limits.${about}`, { min: min ?? "", max: max ?? "" });
  const description = make("span", { id, class: "number-limits" }, range);
  host.append(make("div", { class: "number" }, input, unit && make("span", { dir: "auto" }, unit), less, more, description));

  function button(sign: string, label: string, by: 1 | -1): HTMLButtonElement {
    const press = () => give(nudge(readNumber(input.value), by, limits));
    return make("button", { type: "button", class: "button icon", "aria-label": label, disabled: readonly, onclick: press }, sign);
  }

  function give(next: number): void {
    input.value = String(next);
    tell();
  }

  function tell(): void {
    const bad = problem() !== undefined && input.value.trim() !== "";
    input.setAttribute("aria-invalid", String(bad));
    change(readNumber(input.value));
  }

  function problem(): string | undefined {
    const written = input.value.trim();
    if (!written) return question.required ? text("problem.none") : undefined;
    const rule = complaint(readNumber(written), limits);
    const args = { written, min: min ?? "", max: max ?? "", step: limits.step ?? "" };
    return rule && text(`problem.${rule}`, args);
  }

  function set(next: Json | undefined): void {
    input.value = typeof next === "number" ? String(next) : "";
    input.setAttribute("aria-invalid", "false");
  }

  /** Digits start to write at once, wherever the focus is. */
  function key(event: KeyboardEvent): boolean {
    const arrow = { ArrowUp: 1, ArrowDown: -1 }[event.key] as 1 | -1 | undefined;
    if (readonly || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.target === input) {
      if (arrow) return use(event, () => give(nudge(readNumber(input.value), arrow, limits)));
      return event.key.length === 1 || event.key === "Backspace" || event.key.startsWith("Arrow");
    }
    if (isTyping(event) || !/^[\d.,-]$/.test(event.key)) return false;
    input.focus({ preventScroll: true });
    input.select();
    return true;
  }

  set(value);
  return {
    set,
    key,
    keys: () => [
      { keys: "0–9", does: text("key.type") },
      { keys: "ArrowUp", does: text("key.nudge") },
    ],
    focus: () => input.focus({ preventScroll: true }),
    problem,
    destroy: () => host.replaceChildren(),
  };
};

export default mount;
