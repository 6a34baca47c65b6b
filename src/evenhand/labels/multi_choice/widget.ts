import { isPlain, isTyping, readOption, toggle, use } from "$web/lib/kit";
import { type Entry, Picker, pickerMessages } from "$web/lib/picker";
import type { Json, Mount } from "$web/widget";

export const messages = {
  en: {
    ...pickerMessages.en,
    none: "None of these",
    "problem.none": "Pick what fits, or “None of these”.",
    "problem.few.one": "Pick at least {count}.",
    "problem.few.other": "Pick at least {count}.",
    "problem.many.one": "Pick {count} at most.",
    "problem.many.other": "Pick {count} at most.",
  },
  de: {
    ...pickerMessages.de,
    none: "Nichts davon",
    "problem.none": "Wählen Sie aus, was passt, oder „Nichts davon“.",
    "problem.few.one": "Wählen Sie mindestens {count} aus.",
    "problem.few.other": "Wählen Sie mindestens {count} aus.",
    "problem.many.one": "Wählen Sie höchstens {count} aus.",
    "problem.many.other": "Wählen Sie höchstens {count} aus.",
  },
};

/** The tree of choices as a list, depth first: the order in which answers are stored. */
function flatten(choices: Json | undefined, leavesOnly: boolean, above: string[] = []): Entry[] {
  if (!Array.isArray(choices)) return [];
  return choices.flatMap((choice) => {
    const option = readOption(choice);
    const children = typeof choice === "object" ? (choice as { [key: string]: Json })["children"] : undefined;
    const branch = Array.isArray(children) && children.length > 0;
    const entry = { ...option, depth: above.length, pickable: !(leavesOnly && branch), above };
    return [entry, ...flatten(children, leavesOnly, [...above, option.name])];
  });
}

const mount: Mount = ({ host, question, value, readonly, change, text }) => {
  const { config } = question;
  const entries = flatten(config["choices"], config["leaves_only"] === true);
  const order = entries.filter((entry) => entry.pickable).map((entry) => entry.id);
  const picker = new Picker(host, { entries, many: true, label: question.title, readonly, text, onpick });
  const least = Math.max(Number(config["min"] ?? 0), 0);
  const most = typeof config["max"] === "number" ? config["max"] : order.length;
  // "None" is an answer of its own: without a way to give it, it looks like a question not yet read.
  const none = least === 0 && !readonly ? toggle(text("none"), "0", () => give(answer?.length === 0 ? undefined : [])) : undefined;
  let answer: string[] | undefined;

  function show(next: Json | undefined): void {
    answer = Array.isArray(next) ? order.filter((id) => next.includes(id)) : undefined;
    picker.show(new Set(answer));
    none?.setAttribute("aria-pressed", String(answer?.length === 0));
  }

  function give(next: string[] | undefined): void {
    show(next);
    change(answer);
  }

  function onpick(id: string): void {
    const rest = (answer ?? []).filter((one) => one !== id);
    const next = rest.length === (answer?.length ?? 0) ? [...rest, id] : rest;
    give(next.length ? next : undefined);
  }

  function problem(): string | undefined {
    if (answer === undefined) {
      if (!question.required) return undefined;
      return least ? text("problem.few", { count: least }) : text("problem.none");
    }
    if (answer.length > most) return text("problem.many", { count: most });
    return answer.length < least ? text("problem.few", { count: least }) : undefined;
  }

  if (none) host.append(none);
  show(value);
  return {
    set: show,
    key: (event) => {
      if (none && isPlain(event, "0") && !isTyping(event)) return use(event, () => none.click());
      return picker.key(event);
    },
    keys: () => [...picker.keys(), ...(none ? [{ keys: "0", does: text("none") }] : [])],
    focus: () => picker.focus(),
    problem,
    destroy: () => host.replaceChildren(),
  };
};

export default mount;
