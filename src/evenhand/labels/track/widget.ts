import { Drawing, drawingTexts, fieldOf, type Stroke } from "$web/lib/drawing";
import { filmKey, filmTexts, RATES } from "$web/lib/film";
import { adopt, isPlain, make } from "$web/lib/kit";
import { ownMedium } from "$web/lib/media";
import type { Said } from "$web/lib/pieces";
import { clock } from "$web/lib/times";
import type { Point } from "$web/lib/viewport";
import type { Json, KeyHelp, Mount, Question, WidgetContext } from "$web/widget";
import { between, type Box, move, resize } from "../box/geometry";
import { Lanes } from "./lanes";
import { isThere, keyframeAt, millis, placeAt, readTracks, scaled, settle, toggled, type Track, withoutKeyframe, withPlace, writeTracks } from "./path";
import { TrackStage } from "./stage";
import css from "./widget.css?inline";

export const messages = {
  en: {
    ...drawingTexts.en,
    ...filmTexts.en,
    missing: "This video is not here.",
    none: "Nothing to follow",
    view: "Video to draw boxes on. Space plays, arrow keys go frame by frame, N makes a box, Alt and arrow keys move it here, with Shift resize it.",
    list: "Tracks",
    entry: "{label}, from {start}, {count} keyframes",
    remove: "Remove {label}, from {start}, {count} keyframes",
    "brief.one": "{start} · {count} keyframe",
    "brief.other": "{start} · {count} keyframes",
    new: "New box",
    mark: "Keyframe",
    unmark: "No keyframe",
    ends: "Ends here",
    again: "There again",
    before: "Keyframe before",
    after: "Next keyframe",
    "key.mark": "Keyframe here, or none",
    "key.ends": "It ends here, or is there again",
    "key.hop": "Keyframe before, and next",
    "key.move": "Move the box here (with Shift: resize it)",
    "problem.none": "Follow what is asked for, or “Nothing to follow”.",
  },
  de: {
    ...drawingTexts.de,
    ...filmTexts.de,
    missing: "Dieses Video ist nicht vorhanden.",
    none: "Nichts zu verfolgen",
    view: "Video für Kästen. Die Leertaste spielt ab, Pfeiltasten gehen Bild für Bild, N legt einen Kasten an, Alt und Pfeiltasten verschieben ihn hier, mit Umschalt ändern sie die Größe.",
    list: "Spuren",
    entry: "{label}, ab {start}, {count} Schlüsselbilder",
    remove: "{label} entfernen, ab {start}, {count} Schlüsselbilder",
    "brief.one": "{start} · {count} Schlüsselbild",
    "brief.other": "{start} · {count} Schlüsselbilder",
    new: "Neuer Kasten",
    mark: "Schlüsselbild",
    unmark: "Kein Schlüsselbild",
    ends: "Endet hier",
    again: "Wieder da",
    before: "Schlüsselbild davor",
    after: "Nächstes Schlüsselbild",
    "key.mark": "Hier ein Schlüsselbild, oder keins",
    "key.ends": "Es endet hier, oder ist wieder da",
    "key.hop": "Schlüsselbild davor, und nächstes",
    "key.move": "Kasten hier verschieben (mit Umschalt: Größe ändern)",
    "problem.none": "Verfolgen Sie, was gefragt ist, oder „Nichts zu verfolgen“.",
  },
};

/** The widget is the video's view. */
export function draws(question: Question): string[] {
  return [fieldOf(question)];
}

/** Steps of a key over the whole width of the video, and the least side of a box, pixels of the video. */
const STEPS = 320;
const LEAST = 2;

/** Into a frame, seconds: so that a browser shows it and not the one before. */
const INTO = 0.001;

class Tracks extends Drawing<Track, TrackStage> {
  private readonly lanes = new Lanes();
  private readonly state = make("p", { class: "hint", role: "status" });
  private readonly time = make("output", { "aria-live": "off" });
  private readonly slider: HTMLInputElement;
  private readonly speed: HTMLSelectElement;
  private readonly player: HTMLButtonElement;
  private readonly marker: HTMLButtonElement;
  private readonly ender: HTMLButtonElement;
  private readonly hops: HTMLButtonElement[];
  /** What was drawn last -> the track that it is of. */
  private boxes = new Map<Box, Track>();
  private last = "";

  constructor(context: WidgetContext) {
    super(context, TrackStage);
    adopt(css);
    const { question, text, readonly, data, fields } = context;
    const { film } = this.stage;
    const field = fieldOf(question);
    film.told = ownMedium(data[field])?.fps;
    film.video.setAttribute("aria-label", text("film.label", { field: fields.find(({ name }) => name === field)?.title || field }));
    const button = (name: string, keys: string, run: () => void, sign = text(name)) =>
      make("button", { type: "button", class: "button small", "aria-label": text(name), title: text(name), "aria-keyshortcuts": keys, onclick: run }, sign);
    this.slider = make("input", { type: "range", min: 0, step: "any", "aria-label": text("film.place"), oninput: () => this.seek(Number(this.slider.value)) });
    this.speed = make("select", { "aria-label": text("film.speed"), onchange: () => (film.rate = Number(this.speed.value)) }, ...RATES.map((rate) => make("option", { value: rate }, `${rate} ×`)));
    this.player = button("film.play", "Space", () => film.toggle());
    this.marker = button("mark", "R", () => this.mark());
    this.ender = button("ends", "O", () => this.end());
    this.hops = [button("before", "ArrowUp", () => this.hop(-1), "⇤"), button("after", "ArrowDown", () => this.hop(1), "⇥")];
    const steps = [button("film.frameBack", "ArrowLeft", () => film.step(-1), "‹"), button("film.frameOn", "ArrowRight", () => film.step(1), "›")];
    const editing = readonly ? [] : [this.marker, this.ender];
    const player = make("div", { class: "player" }, this.slider, this.player, ...steps, ...this.hops, ...editing, this.speed, this.time);
    this.stage.changed = () => this.arrive();
    this.scrub();
    this.begin("track_boxes", this.state, player, this.lanes.element);
    this.arrive();
  }

  // -- Answer ------------------------------------------------------------------------------------

  protected read(value: Json | undefined): Track[] | undefined {
    return readTracks(value, new Set(this.labels.map((label) => label.id)));
  }

  protected write(tracks: readonly Track[]): Json {
    return writeTracks(tracks);
  }

  protected settle(track: Track): Track {
    return settle(track);
  }

  protected said({ keyframes }: Track): Said {
    const args = { start: clock(keyframes[0]?.time ?? 0), count: keyframes.length };
    return { brief: this.context.text("brief", args), args };
  }

  // -- Look --------------------------------------------------------------------------------------

  /** Where the frame begins that is shown; while it plays, where it is. */
  private get now(): number {
    const { film } = this.stage;
    return film.playing ? film.now : film.frameStart;
  }

  protected show(tracks: readonly Track[], active: Track | undefined): void {
    const { position } = this;
    const { film } = this.stage;
    this.paint(tracks, active);
    this.lanes.draw({ tracks, active, duration: film.duration, position });
    this.buttons(active);
  }

  private buttons(active: Track | undefined): void {
    const { text } = this.context;
    const key = active && keyframeAt(active, this.now);
    const there = active && isThere(active, this.now);
    const say = (button: HTMLButtonElement, word: string) => {
      if (button.textContent === text(word)) return;
      button.textContent = text(word);
      for (const name of ["aria-label", "title"]) button.setAttribute(name, text(word));
    };
    say(this.marker, key ? "unmark" : "mark");
    say(this.ender, !active || there ? "ends" : "again");
    this.marker.disabled = !active;
    this.ender.disabled = !active || this.now <= (active.keyframes[0]?.time ?? 0);
    for (const hop of this.hops) hop.disabled = !active;
  }

  /** The video is here, or at another place; for each picture while it plays. */
  private arrive(): void {
    const { film } = this.stage;
    const { text, media, question, data } = this.context;
    const { playing, duration, fault, rate } = film;
    const state = [playing, duration, fault, rate].join();
    if (state !== this.last) {
      this.last = state;
      this.player.textContent = playing ? "❚❚" : "▶";
      for (const name of ["aria-label", "title"]) this.player.setAttribute(name, text(playing ? "film.pause" : "film.play"));
      this.player.disabled = this.slider.disabled = !duration;
      this.slider.max = String(duration || 1);
      this.speed.value = String(rate);
      const type = ownMedium(data[fieldOf(question)])?.type ?? "?";
      this.state.textContent = !media(fieldOf(question)) || (duration && !fault) ? "" : text(`film.${fault ?? "loading"}`, { type });
      this.state.hidden = !this.state.textContent;
      this.show(this.pieces ?? [], this.active);
    } else this.showNow();
    this.slider.value = String(film.now);
    this.slider.setAttribute("aria-valuetext", clock(film.now));
    this.time.textContent = duration ? `${clock(film.now)} / ${clock(duration)}` : "";
    this.lanes.point(film.now);
  }

  /** The boxes at another time; lanes and list stay as they are. */
  private showNow(): void {
    this.paint(this.pieces ?? [], this.active);
    this.buttons(this.active);
  }

  private paint(tracks: readonly Track[], active: Track | undefined): void {
    const { position, name, now } = this;
    const seen = tracks.filter((track) => isThere(track, now));
    this.boxes = new Map(seen.map((track) => [this.boxOf(track, now), track]));
    const chosen = [...this.boxes].find(([, track]) => track === active)?.[0];
    this.stage.draw({ boxes: [...this.boxes.keys()], active: chosen, turnable: false, position, name });
  }

  /** Where a track is, in pixels of the video. */
  private boxOf(track: Track, time: number): Box {
    const { width, height } = this.stage.picture;
    return { ...scaled(placeAt(track, time), width, height), label: track.label, rotation: 0 };
  }

  /** The track with its box brought to a place, in pixels of the video. */
  private placed(track: Track, time: number, box: Box): Track {
    const { width, height } = this.stage.picture;
    return withPlace(track, time, scaled(box, 1 / width, 1 / height));
  }

  private seek(time: number): void {
    this.stage.film.now = time;
    this.arrive();
  }

  protected override activate(track: Track | undefined): void {
    const from = track?.keyframes[0]?.time ?? 0;
    if (track && !isThere(track, this.now)) this.seek(from + INTO);
    super.activate(track);
  }

  // -- Edit --------------------------------------------------------------------------------------

  /** Undefined where the video is not here yet. */
  private get here(): number | undefined {
    const { film, picture } = this.stage;
    if (!film.duration || !picture.width) return undefined;
    film.pause();
    return millis(film.frameStart);
  }

  private insert(box: Box): void {
    const { here } = this;
    if (here === undefined || box.width < LEAST || box.height < LEAST) return this.draw();
    this.replace(undefined, this.placed({ keyframes: [], label: box.label }, here, box));
  }

  /** By keyboard: a quarter of what is seen, in its middle, beside others that are there. */
  protected add(): void {
    const { picture, shown, frame, middle } = this.stage;
    const half = { x: Math.min(picture.width, frame.width / shown.scale) / 8, y: Math.min(picture.height, frame.height / shown.scale) / 8 };
    const box = between({ x: middle.x - half.x, y: middle.y - half.y }, { x: middle.x + half.x, y: middle.y + half.y }, picture, this.brush);
    this.insert(move(box, { x: this.boxes.size * 12, y: this.boxes.size * 12 }, picture));
    this.focus();
  }

  /** A keyframe of the active track at this frame, or none. */
  private mark(): void {
    const { active, here } = this;
    if (!active || here === undefined) return;
    const known = keyframeAt(active, here);
    this.replace(active, known ? withoutKeyframe(active, known.time) : withPlace(active, here, placeAt(active, here)));
  }

  private end(): void {
    const { active, here } = this;
    if (active && here !== undefined) this.replace(active, toggled(active, here));
  }

  private hop(by: 1 | -1): void {
    const { now } = this;
    const times = (this.active?.keyframes ?? []).map(({ time }) => time);
    const to = by > 0 ? times.find((time) => time > now + INTO) : times.findLast((time) => time < now - INTO);
    this.stage.film.pause();
    if (to !== undefined) this.seek(to + INTO);
  }

  private nudge(track: Track, by: Point, sized: boolean): void {
    const { here } = this;
    if (here === undefined) return;
    const box = this.boxOf(track, here);
    const { picture } = this.stage;
    const corner = { x: box.x + box.width + by.x, y: box.y + box.height + by.y };
    this.replace(track, this.placed(track, here, sized ? resize(box, { x: 1, y: 1 }, corner, picture, LEAST) : move(box, by, picture)));
  }

  // -- Pointer -----------------------------------------------------------------------------------

  /** Presses and strokes on the lanes go to a time. */
  private scrub(): void {
    const { element } = this.lanes;
    let held = false;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      held = true;
      const { time, track } = this.lanes.at(event);
      element.setPointerCapture(event.pointerId);
      this.seek(time + INTO);
      if (track && track !== this.active) {
        this.active = track;
        this.brush = track.label;
        this.draw();
      }
    });
    element.addEventListener("pointermove", (event) => held && this.seek(this.lanes.at(event).time + INTO));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => (held = false));
  }

  protected startStroke(event: PointerEvent): Stroke {
    const { picture } = this.stage;
    const from = this.stage.inPicture(event);
    const { here, active } = this;
    this.showNow();
    const under = this.stage.boxesAt(event).flatMap((box) => this.boxes.get(box) ?? []);
    const box = [...this.boxes].find(([, track]) => track === active)?.[0];
    const handle = this.stage.handleAt(event);
    if (active && box && here !== undefined) {
      if (handle && handle !== "turn") return this.change(active, (at) => this.placed(active, here, resize(box, handle, at, picture, LEAST)));
      if (under.includes(active)) return this.drag(active, from, under, (by) => this.placed(active, here, move(box, by, picture)));
    }
    return this.drawStroke(from, under);
  }

  private drawStroke(from: Point, under: Track[]): Stroke {
    const { picture } = this.stage;
    const { here } = this;
    let box: Box | undefined;
    const drawing: Stroke = {
      move: (at) => {
        box = between(from, at, picture, this.brush);
        if (here !== undefined) this.sketch(undefined, this.placed({ keyframes: [], label: this.brush }, here, box));
      },
      end: (cancelled) => (box && !cancelled ? this.insert(box) : this.draw()),
    };
    return this.far(from, drawing, () => this.activate(under[0]));
  }

  // -- Keys --------------------------------------------------------------------------------------

  protected override viewKey(event: KeyboardEvent): (() => void) | undefined {
    const hop = { ArrowDown: 1, ArrowUp: -1 }[event.key] as 1 | -1 | undefined;
    if (hop && this.active && !event.altKey) return () => this.hop(hop);
    return (this.stage.film.duration ? filmKey(this.stage.film, event) : undefined) ?? super.viewKey(event);
  }

  protected ownKey(event: KeyboardEvent): (() => void) | undefined {
    const { active } = this;
    if (!active) return undefined;
    const step = Math.max(1, Math.round(this.stage.picture.width / STEPS));
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by && event.altKey) return () => this.nudge(active, { x: by[0] ?? 0, y: by[1] ?? 0 }, event.shiftKey);
    if (isPlain(event, "r")) return () => this.mark();
    return isPlain(event, "o") ? () => this.end() : undefined;
  }

  protected ownHelp(): KeyHelp[] {
    const { text } = this.context;
    return [
      { keys: "Space", does: text("key.film.play") },
      { keys: "ArrowLeft ArrowRight", does: text("key.film.frame") },
      { keys: "Shift+ArrowRight", does: text("key.film.second") },
      { keys: "PageUp PageDown", does: text("key.film.five") },
      { keys: "< >", does: text("key.film.speed") },
      { keys: "R", does: text("key.mark") },
      { keys: "O", does: text("key.ends") },
      { keys: "ArrowUp ArrowDown", does: text("key.hop") },
      { keys: "Alt+ArrowRight", does: text("key.move") },
    ];
  }

  override destroy(): void {
    this.lanes.destroy();
    super.destroy();
  }
}

const mount: Mount = (context) => new Tracks(context);
export default mount;
