/**
 * The contract between a page and a label type's widget.
 *
 * A widget is an ES module, `src/evenhand/labels/<type>/widget.ts`, whose default export is a
 * `Mount`. The page loads it with `import()` from our own origin and knows nothing else of the type.
 */

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type FieldType = "text" | "markdown" | "chat" | "image" | "audio" | "video" | "html";

/** A field of the task that the annotator sees. */
export interface Field {
  name: string;
  type: FieldType;
  /** Heading over the field; the name when empty. */
  title: string;
}

/** A question, its label type and that type's configuration. */
export interface Question {
  /** Stable for ever; answers are keyed by it. */
  id: string;
  /** What the annotator reads. */
  title: string;
  help: string;
  /** Id of the label type, such as "choice/1". */
  type: string;
  required: boolean;
  /** The type's own configuration, in full (LabelType.config() in Python). */
  config: { [key: string]: Json };
}

/** What the page hands to a widget. */
export interface WidgetContext {
  /** An empty element to build in. Style with classes; colours only through CSS custom properties. */
  host: HTMLElement;
  question: Question;
  fields: Field[];
  /** The task's fields, name -> value. Texts count in UTF-16 here; answers count code points. */
  data: { [field: string]: Json };
  /** The answer to start from (draft, correction or accepted suggestion); undefined when there is none. */
  value: Json | undefined;
  /** Show, do not edit. */
  readonly: boolean;
  /** Tell the page about each edit, at once; undefined takes the answer back. */
  change(value: Json | undefined): void;
  /** A text in the reader's language; `{name}` in it is replaced from `args`. */
  text(key: string, args?: { [name: string]: string | number }): string;
  /** Address on our own origin of the medium in this field; "" when the field holds none of ours. */
  media(field: string): string;
  /** Draw a field's own view (picture, chat, page, ...), without its title, into an empty element. Returns what takes it away. */
  show(field: string, host: HTMLElement): () => void;
}

/** A key of the widget, for the page that `?` opens. */
export interface KeyHelp {
  keys: string;
  does: string;
}

/**
 * A mounted widget. Its controls work by pointer and by the browser's own keys (Tab, Space, arrows)
 * without the page; `key` adds the shortcuts that need no focus inside.
 */
export interface Widget {
  /** Show this answer (undo, draft from elsewhere, suggestion). Must not call `change`. */
  set(value: Json | undefined): void;
  /**
   * A key was pressed while this question is the active one. True: it is the widget's, the page leaves
   * it alone (also while somebody types into the widget). The widget prevents the default where it must.
   * Enter is the page's submit, except where a new line is meant. Free for the page: a d f i s u ? [ ].
   */
  key(event: KeyboardEvent): boolean;
  keys(): KeyHelp[];
  focus(): void;
  /** Why the present answer cannot be submitted, in the reader's language; undefined when it can. */
  problem(): string | undefined;
  destroy(): void;
}

export type Mount = (context: WidgetContext) => Widget;

/** What the module exports: `default` and, beside it, its texts by language ("en", "de", "ar", ...). */
export interface WidgetModule {
  default: Mount;
  messages: { [language: string]: { [key: string]: string } };
  /** Names of the fields that the widget draws itself, so that the page does not draw them a second time. */
  draws?(question: Question): string[];
}
