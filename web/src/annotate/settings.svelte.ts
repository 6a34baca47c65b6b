/** What a person set on this device for this page. */

import { recall, remember } from "../lib/remember";

const SINGLE_KEYS = "evenhand.single-keys";
const INSTRUCTIONS = "evenhand.instructions";

let singleKeys = $state(recall(SINGLE_KEYS) !== "off");
let instructions = $state(recall(INSTRUCTIONS) !== "closed");

export const settings = {
  /** Keys without Ctrl or Alt do something (WCAG 2.2, 2.1.4: they can be turned off). */
  get singleKeys(): boolean {
    return singleKeys;
  },
  set singleKeys(on: boolean) {
    singleKeys = on;
    remember(SINGLE_KEYS, on ? "on" : "off");
  },
  /** The instructions stand beside the task, where there is room. */
  get instructions(): boolean {
    return instructions;
  },
  set instructions(open: boolean) {
    instructions = open;
    remember(INSTRUCTIONS, open ? "open" : "closed");
  },
};
