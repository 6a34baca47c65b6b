/** What the public page says, in the reader's language. */
import { speaker } from "../lib/language.svelte";
import { de } from "./texts.de";
import { en } from "./texts.en";

export const t = speaker({ en, de });
