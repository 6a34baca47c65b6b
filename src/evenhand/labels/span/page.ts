/** The text on the page: draws it in pieces and translates between places on the page and UTF-16 offsets. */
import { hue, make } from "$web/lib/kit";
import { levels, type Segment, segments, type Span, type Stretch } from "./spans";

/** Height of one underline with its gap, CSS pixels; spans that overlap have one each. */
const LINE = 4;

export interface Look {
  spans: readonly Span[];
  selection: Stretch | undefined;
  active: Span | undefined;
  /** Ends of a relation that is being made, or looked at. */
  ends: readonly (Span | undefined)[];
  /** Position of a label in its list, for the hue. */
  position(label: string): number;
  name(label: string): string;
}

export class TextPage {
  readonly element: HTMLElement;
  private readonly text: string;

  constructor(text: string, element: HTMLElement) {
    this.text = text;
    this.element = element;
  }

  draw(look: Look): void {
    const lines = levels(look.spans);
    this.element.replaceChildren(
      ...segments(this.text.length, look.spans, look.selection).map((segment) => this.piece(segment, look, lines)),
    );
  }

  private piece({ start, end, spans }: Segment, look: Look, lines: Map<Span, number>): HTMLElement {
    const piece = make(spans.length ? "mark" : "span", { "data-start": start }, this.text.slice(start, end));
    const { selection } = look;
    if (selection && start >= selection.start && end <= selection.end) piece.classList.add("chosen");
    const top = spans.find((span) => span === look.active || look.ends.includes(span)) ?? spans[spans.length - 1];
    if (!top) return piece;
    if (top === look.active) piece.classList.add("active");
    if (look.ends.includes(top)) piece.classList.add("end");
    piece.style.setProperty("--hue", hue(look.position(top.label)));
    underline(piece, spans.map((span) => ({ colour: hue(look.position(span.label)), line: lines.get(span) ?? 0 })));
    const ending = spans.filter((span) => span.end === end);
    const last = ending[ending.length - 1];
    if (last) {
      piece.dataset["tag"] = ending.map((span) => look.name(span.label)).join(" · ");
      piece.style.setProperty("--tag", hue(look.position(last.label)));
    }
    return piece;
  }

  /** The offset at a place in the document, or undefined outside the text. */
  offset(node: Node, at: number): number | undefined {
    if (node === this.element) return at >= node.childNodes.length ? this.text.length : this.startOf(node.childNodes[at]);
    const piece = (node instanceof Element ? node : node.parentElement)?.closest<HTMLElement>("[data-start]");
    if (!piece || !this.element.contains(piece)) return undefined;
    const inside = node instanceof Text ? at : at > 0 ? (piece.textContent?.length ?? 0) : 0;
    return this.startOf(piece) + inside;
  }

  private startOf(piece: Node | undefined): number {
    return piece instanceof HTMLElement ? Number(piece.dataset["start"] ?? 0) : 0;
  }

  /** The offset under a point of the window. */
  offsetAt(x: number, y: number): number | undefined {
    if (document.caretPositionFromPoint) {
      const place = document.caretPositionFromPoint(x, y);
      return place ? this.offset(place.offsetNode, place.offset) : undefined;
    }
    const range = document.caretRangeFromPoint?.(x, y); // Safari before 18.4
    return range ? this.offset(range.startContainer, range.startOffset) : undefined;
  }

  /** The stretch that the browser's own selection covers, where it touches the text. */
  selected(): Stretch | undefined {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !selection.rangeCount) return undefined;
    const range = selection.getRangeAt(0);
    if (!range.intersectsNode(this.element)) return undefined;
    // A triple click ends in the element behind the text.
    const start = this.offset(range.startContainer, range.startOffset) ?? 0;
    const end = this.offset(range.endContainer, range.endOffset) ?? this.text.length;
    return start < end ? { start, end } : undefined;
  }

  /** Marks the ends of a relation, without drawing the text anew. */
  showEnds(ends: readonly Stretch[]): void {
    for (const piece of this.element.children) {
      const start = this.startOf(piece);
      piece.classList.toggle("end", piece.tagName === "MARK" && ends.some((end) => end.start <= start && start < end.end));
    }
  }

  /** The piece of the text where the stretch begins. */
  elementAt({ start }: Stretch): Element | undefined {
    return [...this.element.children].findLast((piece) => this.startOf(piece) <= start);
  }

  /** Where the stretch stands in the window. */
  box(stretch: Stretch): DOMRect | undefined {
    return this.range(stretch)?.getBoundingClientRect();
  }

  /** Where the first line of the stretch stands in the window. */
  firstLine(stretch: Stretch): DOMRect | undefined {
    return [...(this.range(stretch)?.getClientRects() ?? [])].find(({ width }) => width > 0);
  }

  private range({ start, end }: Stretch): Range | undefined {
    const pieces = [...this.element.children] as HTMLElement[];
    const place = (offset: number) => {
      const piece = pieces.findLast((one) => this.startOf(one) <= offset);
      return piece?.firstChild ? ([piece.firstChild, offset - this.startOf(piece)] as const) : undefined;
    };
    const [from, to] = [place(start), place(Math.max(start, end - 1))];
    if (!from || !to) return undefined;
    const range = document.createRange();
    range.setStart(...from);
    range.setEnd(to[0], Math.min(to[1] + 1, to[0].textContent?.length ?? 0));
    return range;
  }
}

function underline(piece: HTMLElement, strokes: { colour: string; line: number }[]): void {
  const { style } = piece;
  style.backgroundImage = strokes.map(({ colour }) => `linear-gradient(${colour}, ${colour})`).join(", ");
  style.backgroundSize = strokes.map(() => "100% 2px").join(", ");
  style.backgroundPosition = strokes.map(({ line }) => `0 calc(100% - ${line * LINE}px)`).join(", ");
}
