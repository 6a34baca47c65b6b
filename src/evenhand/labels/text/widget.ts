import { adopt, isTyping, make, toggle } from "$web/lib/kit";
import { lengthInPoints } from "$web/lib/offsets";
import type { Json, Mount, Question } from "$web/widget";
import { diff } from "./diff";
import css from "./widget.css?inline";

export const messages = {
  en: {
    changes: "Show changes",
    restore: "Back to the starting text",
    "changes.none": "Nothing is changed yet.",
    gone: "removed:",
    new: "added:",
    count: "{length} / {max}",
    "key.write": "Write",
    "key.leave": "Leave the text",
    "problem.none": "Write a text.",
    "problem.short": "Write at least {min} characters.",
    "problem.long": "Write at most {max} characters; these are {length}.",
  },
  de: {
    changes: "Änderungen zeigen",
    restore: "Zurück zum Ausgangstext",
    "changes.none": "Noch ist nichts geändert.",
    gone: "entfernt:",
    new: "hinzugefügt:",
    count: "{length} / {max}",
    "key.write": "Schreiben",
    "key.leave": "Den Text verlassen",
    "problem.none": "Schreiben Sie einen Text.",
    "problem.short": "Schreiben Sie mindestens {min} Zeichen.",
    "problem.long": "Schreiben Sie höchstens {max} Zeichen; es sind {length}.",
  },
};

/** A limit this high is a technical one and not worth a counter. */
const SHOWN_LIMIT = 20_000;

interface Settings {
  low: number;
  high: number;
  multiline: boolean;
  from: string;
  placeholder: string;
}

function read({ config }: Question): Settings {
  return {
    low: Number(config["min_length"] ?? 0),
    high: Number(config["max_length"] ?? 100_000),
    multiline: config["multiline"] !== false,
    from: String(config["start_from"] ?? ""),
    placeholder: String(config["placeholder"] ?? ""),
  };
}

const mount: Mount = ({ host, question, data, value, readonly, change, text }) => {
  adopt(css);
  const { low, high, multiline, from, placeholder } = read(question);
  const start = from && typeof data[from] === "string" ? data[from] : "";
  const common = { "aria-label": question.title, dir: "auto", placeholder: placeholder || undefined, readonly, oninput: () => tell() };
  const input = multiline ? make("textarea", { ...common, rows: 4 }) : make("input", { ...common, type: "text", autocomplete: "off" });
  const count = make("span", { class: "text-count" });
  const changes = make("div", { class: "text-diff", dir: "auto", hidden: true });
  const compare = toggle(text("changes"), "", () => reveal(Boolean(changes.hidden)));
  const restore = make("button", { type: "button", class: "button small quiet", onclick: () => write(start) }, text("restore"));
  const foot = make("div", { class: "text-foot" }, start && compare, start && !readonly && restore, count);
  host.append(make("div", { class: "text" }, input, changes, foot));
  let destroyed = false;
  let answered = false;

  function draw(): void {
    const length = lengthInPoints(input.value);
    count.textContent = high <= SHOWN_LIMIT ? text("count", { length, max: high }) : "";
    count.classList.toggle("over", length > high);
    restore.disabled = input.value === start;
    if (!changes.hidden) drawChanges();
  }

  function drawChanges(): void {
    const pieces = diff(start, input.value).map(({ kind, text: piece }) => {
      if (kind === "same") return piece;
      const spoken = make("span", { class: "hidden-visually" }, `${text(kind)} `);
      return make(kind === "gone" ? "del" : "ins", {}, spoken, piece);
    });
    changes.replaceChildren(...(input.value === start ? [text("changes.none")] : pieces));
  }

  function reveal(shown: boolean): void {
    changes.hidden = !shown;
    compare.setAttribute("aria-pressed", String(shown));
    draw();
  }

  function write(next: string): void {
    input.value = next;
    tell();
    input.focus();
  }

  /** Half an emoji, as a careless paste may leave it, would be refused later: it is mended at once. */
  function tell(): void {
    const whole = input.value.toWellFormed();
    if (whole !== input.value) input.value = whole;
    draw();
    answered = whole !== "" || start !== "";
    change(answered ? whole : undefined);
  }

  function set(next: Json | undefined): void {
    const shown = typeof next === "string" ? next : start;
    answered = typeof next === "string" || start !== "";
    if (shown !== input.value) input.value = shown;
    draw();
  }

  function problem(): string | undefined {
    const length = lengthInPoints(input.value);
    if (!answered) return question.required ? text("problem.none") : undefined;
    if (length < low) return text("problem.short", { min: low });
    return length > high ? text("problem.long", { max: high, length }) : undefined;
  }

  /** While somebody writes, every key is theirs; Ctrl+Enter, Enter in a single line and Escape are the page's. */
  function key(event: KeyboardEvent): boolean {
    if (event.target !== input || !isTyping(event)) return false;
    if (event.key === "Escape") input.blur();
    if (event.key === "Enter") return multiline && !event.ctrlKey && !event.metaKey;
    return !["Tab", "Escape"].includes(event.key) && !/^F\d/.test(event.key);
  }

  set(value);
  if (readonly && start) reveal(true);
  // The starting text is the answer until it is edited; said a turn later, when the page has mounted.
  if (start && value === undefined && !readonly) queueMicrotask(() => !destroyed && change(input.value));

  return {
    set,
    key,
    keys: () => [
      { keys: "Tab", does: text("key.write") },
      { keys: "Escape", does: text("key.leave") },
    ],
    focus: () => input.focus({ preventScroll: true }),
    problem,
    destroy() {
      destroyed = true;
      host.replaceChildren();
    },
  };
};

export default mount;
