/** A task's data as texts to edit: texts as they are, everything else as JSON. */
import type { Json } from "../../widget";

type Data = { [field: string]: Json };

export function writeData(data: Data): { [field: string]: string } {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value, null, 2)]),
  );
}

/**
 * The data back. What nobody edited comes back as the very value that it was.
 *
 * Throws: SyntaxError, naming the field, where JSON is edited and is none.
 */
export function readData(edited: { readonly [field: string]: string }, before: Data): Data {
  const untouched = writeData(before);
  return Object.fromEntries(
    Object.entries(edited).map(([key, text]) => {
      const old = before[key];
      if (text === untouched[key] && old !== undefined) return [key, old];
      return [key, typeof old === "string" ? text : parse(key, text)];
    }),
  );
}

function parse(key: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new SyntaxError(`${key}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
