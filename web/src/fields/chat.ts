import type { Json } from "../widget";

/** One turn of a conversation, as it is shown. */
export interface Turn {
  /** Who speaks, as the data says it; "" when it does not. */
  role: string;
  content: string;
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

/** A message's content may be parts, some of them text; the rest shows as it is. */
function content(value: Json | undefined): string {
  if (!Array.isArray(value)) return text(value);
  return value.map((part) => text(isObject(part) && typeof part["text"] === "string" ? part["text"] : part)).join("\n");
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The turns of a chat field: [{role, content}], the older [{from, value}], or a plain text. */
export function turns(value: Json | undefined): Turn[] {
  if (!Array.isArray(value)) return [{ role: "", content: text(value) }];
  return value.map((turn) => {
    if (!isObject(turn)) return { role: "", content: text(turn) };
    const said = turn["content"] ?? turn["value"];
    if (said === undefined) return { role: "", content: JSON.stringify(turn) };
    return { role: text(turn["role"] ?? turn["from"]), content: content(said) };
  });
}
