import { readOptions } from "$web/lib/kit";
import { Picker, pickerMessages } from "$web/lib/picker";
import type { Json, Mount } from "$web/widget";

export const messages = {
  en: { ...pickerMessages.en, "problem.none": "Pick one." },
  de: { ...pickerMessages.de, "problem.none": "Wählen Sie eines aus." },
};

const mount: Mount = ({ host, question, value, readonly, change, text }) => {
  const options = readOptions(question.config["choices"]);
  const known = new Set(options.map((option) => option.id));
  const entries = options.map((option) => ({ ...option, depth: 0, pickable: true, above: [] }));
  const label = question.title;
  const picker = new Picker(host, { entries, many: false, label, readonly, text, onpick });
  let answer: string | undefined;

  function show(next: Json | undefined): void {
    answer = typeof next === "string" && known.has(next) ? next : undefined;
    picker.show(new Set(answer === undefined ? [] : [answer]));
  }

  /** The same again takes the answer back, where the question may stay open. */
  function onpick(id: string): void {
    const next = id === answer && !question.required ? undefined : id;
    if (next === answer) return;
    show(next);
    change(next);
  }

  show(value);
  return {
    set: show,
    key: (event) => picker.key(event),
    keys: () => picker.keys(),
    focus: () => picker.focus(),
    problem: () => (question.required && answer === undefined ? text("problem.none") : undefined),
    destroy: () => host.replaceChildren(),
  };
};

export default mount;
