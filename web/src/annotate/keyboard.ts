/** What a key press means on the desk. */

export type Command =
  | "go-on"
  | "undo"
  | "redo"
  | "accept"
  | "skip"
  | "flag"
  | "instructions"
  | "keys"
  | "back"
  | "forward"
  | "next-question"
  | "previous-question"
  | "leave-text";

const SINGLE: { readonly [key: string]: Command } = {
  u: "undo",
  U: "redo",
  a: "accept",
  s: "skip",
  f: "flag",
  d: "instructions",
  i: "instructions",
  "?": "keys",
  "[": "back",
  "]": "forward",
  ArrowDown: "next-question",
  ArrowUp: "previous-question",
};

/** Where the key was pressed. */
export interface Place {
  /** In something that takes text. */
  typing: boolean;
  /** In a question's widget. */
  inWidget: boolean;
  /** On a control outside of the widgets, which uses Enter, space and arrows itself. */
  onControl: boolean;
}

export function placeOf(target: EventTarget | null): Place {
  const element = target instanceof Element ? target : document.body;
  const inWidget = element.closest(".widget") !== null;
  const typing = element.matches('input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable=""], [contenteditable=true]');
  const onControl = !inWidget && element.closest("button, a[href], summary, input, select, textarea, [tabindex='0']") !== null;
  return { typing, inWidget, onControl };
}

/** Whether the active widget may have the key before the page. */
export function offersToWidget(event: KeyboardEvent, place: Place, singleKeys: boolean): boolean {
  if (place.inWidget) return true;
  if (place.typing || !singleKeys) return false;
  return !(place.onControl && (event.key === "Enter" || event.key === " " || event.key.startsWith("Arrow")));
}

/** The page's own meaning of a key that no widget used. */
export function commandOf(event: KeyboardEvent, place: Place, singleKeys: boolean): Command | undefined {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "Enter") return "go-on";
  if (control && !place.typing && event.key.toLowerCase() === "z") return event.shiftKey ? "redo" : "undo";
  if (control && !place.typing && event.key.toLowerCase() === "y") return "redo";
  // On many keyboards "[" and "]" are typed with AltGr (which shows as Ctrl+Alt) or Option.
  const symbol = event.altKey && "[]?".includes(event.key);
  if ((control || event.altKey) && !symbol) return undefined;
  if (event.key === "Enter") return place.onControl ? undefined : "go-on";
  if (event.key === "Escape" && place.typing) return "leave-text";
  if (place.typing || !singleKeys) return undefined;
  if (place.onControl && event.key.startsWith("Arrow")) return undefined;
  return SINGLE[event.key];
}
