import { fieldOf } from "$web/lib/drawing";
import { Film, filmTexts, nextRate, RATES } from "$web/lib/film";
import { adopt, isPlain, isTyping, make, uniqueId, use } from "$web/lib/kit";
import { ownMedium } from "$web/lib/media";
import { Pieces, pieceTexts, type Said } from "$web/lib/pieces";
import { clock } from "$web/lib/times";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import drawing from "$web/lib/drawing.css?inline";
import { FilmWithSound, type Recording, Sound } from "./sound";
import { between, type Heard, move, readSpans, room, settle, SHORTEST, type Window, withEdge, within, writeSpans } from "./spans";
import { Track } from "./track";
import css from "./widget.css?inline";

export const messages = {
  en: {
    ...pieceTexts.en,
    ...filmTexts.en,
    none: "Nothing to mark",
    view: "Recording to mark. Space plays, arrow keys move through it, N begins a stretch and ends it while it plays.",
    list: "Stretches",
    entry: "{label}, {start} to {end}",
    remove: "Remove {label}, {start} to {end}",
    new: "New stretch",
    play: "Play",
    pause: "Pause",
    replay: "Play stretch",
    said: "What is said, {start} to {end}",
    loading: "The recording is coming …",
    failed: "This recording cannot be read here.",
    missing: "This recording is not here.",
    "key.play": "Play or pause",
    "key.replay": "Play the stretch (Ctrl+Space while writing)",
    "key.write": "Write down what is said",
    "key.seek": "Move by 0.1 seconds (with Shift: one second)",
    "key.edge": "Move the end by 0.05 seconds, of a video by a frame (with Shift: the start)",
    "key.new": "New stretch; while it plays: begin one, and end it",
    "problem.none": "Mark what is asked for, or “Nothing to mark”.",
  },
  de: {
    ...pieceTexts.de,
    ...filmTexts.de,
    none: "Nichts zu markieren",
    view: "Aufnahme zum Markieren. Die Leertaste spielt ab, Pfeiltasten bewegen, N beginnt einen Abschnitt und beendet ihn beim Abspielen.",
    list: "Abschnitte",
    entry: "{label}, {start} bis {end}",
    remove: "{label} entfernen, {start} bis {end}",
    new: "Neuer Abschnitt",
    play: "Abspielen",
    pause: "Anhalten",
    replay: "Abschnitt abspielen",
    said: "Was gesagt wird, {start} bis {end}",
    loading: "Die Aufnahme kommt …",
    failed: "Diese Aufnahme lässt sich hier nicht lesen.",
    missing: "Diese Aufnahme ist nicht vorhanden.",
    "key.play": "Abspielen oder anhalten",
    "key.replay": "Abschnitt abspielen (beim Schreiben Strg+Leertaste)",
    "key.write": "Aufschreiben, was gesagt wird",
    "key.seek": "Um 0,1 Sekunden bewegen (mit Umschalt: eine Sekunde)",
    "key.edge": "Ende um 0,05 Sekunden verschieben, im Video um ein Bild (mit Umschalt: den Anfang)",
    "key.new": "Neuer Abschnitt; beim Abspielen: beginnen und beenden",
    "problem.none": "Markieren Sie, was gefragt ist, oder „Nichts zu markieren“.",
  },
};

/** The widget is the recording's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** A stroke shorter than this is a press, CSS pixels. */
const PRESS = 4;

/** Seconds that keys move by. */
const SEEK = 0.1;
const PAGE = 5;
const NUDGE = 0.05;

/** Until the length of a recording is known, answers are shown as they are. */
const UNKNOWN = 360_000;

interface Stroke {
  move(time: number): void;
  end(): void;
}

class TimeSpans extends Pieces<Heard> {
  private readonly overlap: boolean;
  private readonly transcript: boolean;
  private readonly track: Track;
  private readonly sound: Recording;
  /** The same, where it is a video. */
  private readonly film: FilmWithSound | undefined;
  private readonly player: HTMLButtonElement;
  private readonly replayer: HTMLButtonElement;
  private readonly speed: HTMLSelectElement;
  private readonly time = make("output", { "aria-live": "off" });
  private readonly state = make("p", { class: "hint", role: "status" });
  private readonly text: HTMLTextAreaElement;
  private readonly saidBox: HTMLElement;
  private readonly saidLabel: HTMLElement;
  protected override readonly newKey = "key.new";
  /** Where a stretch began that the next N ends. */
  private begun: number | undefined;
  private readonly fingers = new Map<number, number>();
  private stroke: { from: number; far: boolean; stroke: Stroke; press(): void } | undefined;
  private last = "";

  constructor(context: WidgetContext) {
    super(context);
    adopt(drawing);
    adopt(css);
    const { question, text, media, readonly } = context;
    this.overlap = question.config["overlap"] !== false;
    this.transcript = question.config["transcript"] === true;
    this.track = new Track(text("view"));
    this.player = make("button", { type: "button", class: "button small", "aria-keyshortcuts": "Space", onclick: () => this.toggle() });
    this.replayer = make("button", { type: "button", class: "button small", "aria-keyshortcuts": "R", onclick: () => this.replay() }, text("replay"));
    const id = uniqueId("said");
    this.text = make("textarea", { id, rows: 2, maxlength: 10_000, dir: "auto", readonly, oninput: () => this.writeText() });
    this.saidLabel = make("label", { class: "label", for: id });
    this.saidBox = make("div", { class: "said" }, this.saidLabel, this.text);
    const address = media(fieldOf(question));
    if (!address) this.state.textContent = text("missing");
    this.speed = make(
      "select",
      { "aria-label": text("film.speed"), onchange: () => (this.sound.rate = Number(this.speed.value)) },
      ...RATES.map((rate) => make("option", { value: rate }, `${rate} ×`)),
    );
    const heard = () => this.heard();
    const shown = context.fields.find((field) => field.name === fieldOf(question));
    if (shown?.type === "video") this.film = new FilmWithSound(address, ownMedium(context.data[shown.name])?.fps, heard);
    this.sound = this.film ?? new Sound(address, heard);
    this.listen();
    const player = make("div", { class: "player" }, this.player, ...this.steps(), this.replayer, this.speed, this.time);
    this.begin("time_span", this.state, this.film && this.screen(this.film, shown?.title || fieldOf(question)), this.track.element, player, this.saidBox);
    this.heard();
  }

  /** Frame by frame, for those without a keyboard. */
  private steps(): HTMLElement[] {
    const step = (sign: string, name: string, by: number) => {
      const label = this.context.text(name);
      return make("button", { type: "button", class: "button small icon", "aria-label": label, title: label, onclick: () => this.go(by, false) }, sign);
    };
    return this.film ? [step("‹", "film.frameBack", -1), step("›", "film.frameOn", 1)] : [];
  }

  private screen({ video }: Film, field: string): HTMLElement {
    video.setAttribute("aria-label", this.context.text("film.label", { field }));
    return make("div", { class: "screen", onclick: () => this.toggle() }, video);
  }

  protected read(value: Json | undefined): Heard[] | undefined {
    return readSpans(value, new Set(this.labels.map((label) => label.id)));
  }

  protected write(spans: readonly Heard[]): Json {
    return writeSpans(spans);
  }

  protected settle(span: Heard): Heard {
    return settle(span, this.sound.duration || UNKNOWN);
  }

  override set(value: Json | undefined): void {
    this.begun = undefined;
    super.set(value);
  }

  protected show(spans: readonly Heard[], active: Heard | undefined): void {
    const { position, name, sound } = this;
    const growing = this.begun === undefined ? [] : [between(this.begun, sound.now, this.brush)];
    this.track.draw({ spans: [...spans, ...growing], active, now: sound.now, duration: sound.duration, peaks: sound.peaks, position, name });
    this.replayer.disabled = !active || !sound.duration;
    this.saidBox.hidden = !this.transcript || !active;
    if (active && this.transcript) {
      this.saidLabel.textContent = this.context.text("said", { start: clock(active.start), end: clock(active.end) });
      if (this.text.value !== active.text) this.text.value = active.text;
    }
  }

  protected said({ start, end }: Heard): Said {
    return { brief: `${clock(start)} – ${clock(end)}`, args: { start: clock(start), end: clock(end) } };
  }

  protected override entryParts({ text }: Heard): HTMLElement[] {
    return text ? [make("q", { dir: "auto" }, text)] : [];
  }

  protected zoom(factor: number | undefined): void {
    this.track.zoom(factor, this.active ? (this.active.start + this.active.end) / 2 : this.sound.now);
  }

  focus(): void {
    this.track.element.focus({ preventScroll: true });
  }

  protected override activate(span: Heard | undefined): void {
    super.activate(span);
    if (span) this.track.reveal(span.start);
    this.show(this.pieces ?? [], this.active);
  }

  // -- Sound -------------------------------------------------------------------------------------

  /** The recording is here, or plays on. */
  private heard(): void {
    const { sound, context } = this;
    const { playing, now, duration } = sound;
    const state = [playing, duration, sound.failed, this.film?.fault].join();
    this.speed.value = String(sound.rate);
    if (state !== this.last) {
      this.last = state;
      const sign = make("span", { "aria-hidden": "true" }, playing ? "❚❚" : "▶");
      this.player.replaceChildren(sign, context.text(playing ? "pause" : "play"));
      this.player.disabled = !duration;
      const known = Boolean(context.media(fieldOf(context.question)));
      if (known) this.state.textContent = duration && !this.film?.fault ? "" : this.lack();
      this.state.hidden = !this.state.textContent;
    }
    this.track.element.classList.toggle("low", this.film !== undefined && !sound.peaks);
    this.time.textContent = duration ? `${clock(now)} / ${clock(duration)}` : "";
    if (playing) this.track.reveal(now);
    this.show(this.pieces ?? [], this.active);
  }

  /** Why there is nothing to hear or see yet. */
  private lack(): string {
    const { film, sound, context } = this;
    const { text } = context;
    if (!film) return text(sound.failed ? "failed" : "loading");
    const type = ownMedium(context.data[fieldOf(context.question)])?.type ?? "?";
    return film.fault ? text(`film.${film.fault}`, { type }) : text("film.loading");
  }

  private toggle(): void {
    if (this.sound.playing) this.sound.pause();
    else if (this.sound.duration) this.sound.play(this.sound.now >= this.sound.duration ? 0 : undefined);
  }

  private replay(): void {
    if (this.active && this.sound.duration) this.sound.play(this.active.start, this.active.end);
  }

  /** A second on or back; else a frame of a video, of a sound a moment. */
  private go(along: number, far: boolean): void {
    if (!this.film || far) return this.seek(this.sound.now + along * (far ? 1 : SEEK));
    this.film.step(along);
    this.track.reveal(this.film.now);
    this.heard();
  }

  private seek(time: number): void {
    this.sound.now = time;
    this.track.reveal(this.sound.now);
    this.heard();
  }

  // -- Edit --------------------------------------------------------------------------------------

  private writeText(): void {
    const { active } = this;
    if (active) this.replace(active, { ...active, text: this.text.value });
  }

  /** Where a stretch that holds this time may reach. */
  private room(at: number, except?: Heard): Window {
    const others = (this.pieces ?? []).filter((span) => span !== except);
    return room(others, at, this.overlap, this.sound.duration || UNKNOWN);
  }

  private insert(from: number, to: number): void {
    const free = this.room(from);
    const span = between(within(from, free), within(to, free), this.brush);
    // Half of it, since 2.01 - 2 is less than 0.01; what is too short by that is made long enough.
    if (span.end - span.start >= SHORTEST / 2) this.replace(undefined, span);
    else this.draw();
  }

  /** While it plays, the first press begins a stretch and the second ends it; else one of a second. */
  protected add(): void {
    const { sound, begun } = this;
    const { now, duration } = sound;
    if (!duration) return;
    if (begun !== undefined) {
      this.begun = undefined;
      this.insert(begun, Math.max(now, begun + SHORTEST));
    } else if (sound.playing) {
      this.active = undefined;
      this.begun = now;
      this.draw();
    } else {
      const { from, to } = this.track.seen;
      this.insert(now, Math.min(now + Math.min(1, (to - from) / 5), duration));
      this.focus();
    }
  }

  // -- Pointer -----------------------------------------------------------------------------------

  private listen(): void {
    const { element } = this.track;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"] as const) element.addEventListener(name, (event) => this.up(event));
  }

  private down(event: PointerEvent): void {
    if (event.button > 1) return;
    event.preventDefault();
    this.focus();
    this.track.element.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.track.across(event));
    this.stroke = undefined;
    if (this.fingers.size > 1 || event.button === 1) return this.draw();
    const time = this.track.timeAt(event);
    const under = this.track.spansAt(event);
    const after = under[under.indexOf(this.active as Heard) + 1] ?? under[0];
    const press = () => {
      this.seek(time);
      this.activate(after);
    };
    this.stroke = { from: this.track.across(event), far: false, stroke: this.startStroke(event, time, under), press };
  }

  private startStroke(event: PointerEvent, from: number, under: Heard[]): Stroke {
    const { active } = this;
    if (this.context.readonly || !this.sound.duration) return { move: () => undefined, end: () => undefined };
    const edge = this.track.edgeAt(event);
    if (active && edge) return this.change(active, (time) => withEdge(active, edge, time, this.room((active.start + active.end) / 2, active)));
    if (active && under.includes(active)) return this.change(active, (time) => move(active, time - from, this.room((active.start + active.end) / 2, active)));
    const free = this.room(from);
    let to = from;
    return {
      move: (time) => {
        to = within(time, free);
        const made = between(from, to, this.brush);
        this.show([...(this.pieces ?? []), made], made);
      },
      end: () => this.insert(from, to),
    };
  }

  private change(before: Heard, change: (time: number) => Heard): Stroke {
    let after = before;
    return {
      move: (time) => {
        after = change(time);
        this.show([...(this.pieces ?? []).filter((span) => span !== before), after], after);
      },
      end: () => this.replace(before, after),
    };
  }

  private moved(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (before === undefined) return;
    const now = this.track.across(event);
    this.fingers.set(event.pointerId, now);
    if (this.stroke) {
      this.stroke.far ||= Math.abs(now - this.stroke.from) >= PRESS;
      if (this.stroke.far) this.stroke.stroke.move(this.track.timeAt(event));
      return;
    }
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) return this.track.pan(now - before);
    this.track.zoom(Math.max(1, Math.abs(now - other)) / Math.max(1, Math.abs(before - other)));
    this.track.pan((now - before) / 2);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const { stroke } = this;
    this.stroke = undefined;
    if (!stroke) return;
    if (event.type === "pointercancel") this.draw();
    else if (stroke.far) stroke.stroke.end();
    else stroke.press();
  }

  // -- Keys --------------------------------------------------------------------------------------

  override key(event: KeyboardEvent): boolean {
    if (isTyping(event) && event.ctrlKey && event.key === " ") return use(event, () => this.replay());
    return super.key(event);
  }

  protected override viewKey(event: KeyboardEvent): (() => void) | undefined {
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const page = { PageDown: PAGE, PageUp: -PAGE }[event.key];
    if (along && !event.altKey) return () => this.go(along, event.shiftKey);
    if (page) return () => this.seek(this.sound.now + page);
    if (event.key === "<" || event.key === ">") return () => (this.sound.rate = nextRate(this.sound.rate, event.key === ">" ? 1 : -1));
    if (event.key === " ") return () => this.toggle();
    if (isPlain(event, "r")) return () => this.replay();
    return super.viewKey(event);
  }

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (this.begun !== undefined && event.key === "Escape") return () => this.giveUp();
    if (!active) return undefined;
    const step = this.film ? 1 / this.film.fps : NUDGE;
    if (along && event.altKey) return () => this.nudge(active, along * step, event.shiftKey ? "start" : "end");
    return this.transcript && isPlain(event, "o") ? () => this.text.focus() : undefined;
  }

  private giveUp(): void {
    this.begun = undefined;
    this.draw();
  }

  private nudge(span: Heard, by: number, edge: "start" | "end"): void {
    this.replace(span, withEdge(span, edge, span[edge] + by, this.room((span.start + span.end) / 2, span)));
    this.track.reveal((this.active ?? span)[edge]);
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    return [
      { keys: "Space", does: text("key.play") },
      { keys: "R", does: text("key.replay") },
      ...(this.transcript ? [{ keys: "O", does: text("key.write") }] : []),
      { keys: "ArrowRight", does: text(this.film ? "key.film.frame" : "key.seek") },
      ...(this.film ? [{ keys: "Shift+ArrowRight", does: text("key.film.second") }] : []),
      { keys: "PageUp PageDown", does: text("key.film.five") },
      { keys: "< >", does: text("key.film.speed") },
      { keys: "Alt+ArrowRight", does: text("key.edge") },
    ];
  }

  override destroy(): void {
    this.sound.destroy();
    this.track.destroy();
    super.destroy();
  }
}

const mount: Mount = (context) => new TimeSpans(context);
export default mount;
