/** A row of labels to mark with: press one, or its key, to mark what is selected or to mark with from now on. */
import { adopt, hotkeys, hue, make, type Option, pressedIndex } from "./kit";
import css from "./labelbar.css?inline";

export class LabelBar {
  readonly element: HTMLElement;
  readonly keys: string[];
  private readonly labels: Option[];
  private readonly buttons: HTMLButtonElement[];

  /** `hues`: how many hues are taken by labels of another row. */
  constructor(labels: Option[], name: string, onpress: (label: Option) => void, hues = 0) {
    adopt(css);
    this.labels = labels;
    this.keys = hotkeys(labels);
    this.buttons = labels.map((label, i) => this.makeButton(label, i, hue(hues + i), onpress));
    this.element = make("div", { class: "labelbar", role: "group", "aria-label": name }, ...this.buttons);
  }

  private makeButton(label: Option, i: number, colour: string, onpress: (label: Option) => void): HTMLButtonElement {
    const key = this.keys[i];
    const button = make(
      "button",
      {
        type: "button",
        class: "button small",
        title: label.description || undefined,
        "aria-keyshortcuts": key || undefined,
        // The selection in the text must outlive the press.
        onpointerdown: (event: PointerEvent) => event.preventDefault(),
        onclick: () => onpress(label),
      },
      make("span", { dir: "auto" }, label.name),
      key && make("kbd", { class: "hint-key", "aria-hidden": "true" }, key.toUpperCase()),
    );
    button.style.setProperty("--hue", colour);
    return button;
  }

  /** Shows this label as the one in use; undefined for none. */
  show(id: string | undefined): void {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(this.labels[i]?.id === id)));
  }

  /** Lets only these be pressed. */
  allow(ids: ReadonlySet<string>): void {
    this.buttons.forEach((button, i) => (button.disabled = !ids.has(this.labels[i]?.id ?? "")));
  }

  /** The label whose key this is. */
  pressed(event: KeyboardEvent): Option | undefined {
    return this.labels[pressedIndex(event, this.keys)];
  }
}
