/** A video of our own node: shown, stepped through frame by frame, and told about when it cannot be played. */
import type { KeyHelp } from "../widget";

export const filmTexts = {
  en: {
    "film.label": "Video: {field}",
    "film.help": "Space plays, arrow keys go frame by frame, with Shift by a second, Page up and Page down by five seconds, < and > change the speed.",
    "film.play": "Play",
    "film.pause": "Pause",
    "film.back": "5 seconds back",
    "film.on": "5 seconds on",
    "film.frameBack": "One frame back",
    "film.frameOn": "One frame on",
    "film.place": "Place",
    "film.speed": "Speed",
    "film.mute": "Sound off",
    "film.unmute": "Sound on",
    "film.full": "Full screen",
    "film.loading": "The video is coming …",
    "film.away": "The video could not be fetched. Check the connection, and load the page again.",
    "film.undecodable":
      "This browser cannot play the video ({type}). Another browser may; or whoever runs the project converts it to WebM (VP9) or MP4 (H.264), which all play.",
    "film.sound-only":
      "This browser plays the sound of this video, but cannot decode its pictures ({type}). Another browser may; or whoever runs the project converts it to WebM (VP9) or MP4 (H.264).",
    "key.film.play": "Play or pause",
    "key.film.frame": "One frame on or back",
    "key.film.second": "One second on or back",
    "key.film.five": "Five seconds on or back",
    "key.film.speed": "Slower or faster",
  },
  de: {
    "film.label": "Video: {field}",
    "film.help":
      "Leertaste spielt ab, Pfeiltasten gehen Bild für Bild, mit Umschalt eine Sekunde, Bild auf und Bild ab fünf Sekunden, < und > ändern das Tempo.",
    "film.play": "Abspielen",
    "film.pause": "Anhalten",
    "film.back": "5 Sekunden zurück",
    "film.on": "5 Sekunden weiter",
    "film.frameBack": "Ein Bild zurück",
    "film.frameOn": "Ein Bild weiter",
    "film.place": "Stelle",
    "film.speed": "Tempo",
    "film.mute": "Ton aus",
    "film.unmute": "Ton an",
    "film.full": "Ganzer Bildschirm",
    "film.loading": "Das Video kommt …",
    "film.away": "Das Video war nicht zu holen. Prüfen Sie die Verbindung und laden Sie die Seite neu.",
    "film.undecodable":
      "Dieser Browser kann das Video nicht abspielen ({type}). Ein anderer vielleicht; oder wer das Projekt leitet, wandelt es in WebM (VP9) oder MP4 (H.264) um, die alle abspielen.",
    "film.sound-only":
      "Dieser Browser spielt den Ton dieses Videos, kann aber seine Bilder nicht lesen ({type}). Ein anderer vielleicht; oder wer das Projekt leitet, wandelt es in WebM (VP9) oder MP4 (H.264) um.",
    "key.film.play": "Abspielen oder anhalten",
    "key.film.frame": "Ein Bild weiter oder zurück",
    "key.film.second": "Eine Sekunde weiter oder zurück",
    "key.film.five": "Fünf Sekunden weiter oder zurück",
    "key.film.speed": "Langsamer oder schneller",
  },
};

/** Speeds that one can choose. */
export const RATES = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3] as const;

/** Frames a second, until the video tells: only how far a step goes depends on it. */
const USUAL = 25;

/** Into a frame, seconds: containers round the time at which it begins to a millisecond. */
const INTO = 0.001;

/** By so much may a time lie before the frame that it means, seconds: half a millisecond, and a hair. */
const ROUNDED = 0.0006;

/** Time between frames, seconds, that must have been seen before a rate is believed. */
const SEEN = 8;

/** Why a video cannot be shown: it did not come, the browser cannot decode it, or only its sound. */
export type Fault = "away" | "undecodable" | "sound-only";

/** The next speed up or down. */
export function nextRate(rate: number, by: 1 | -1): number {
  const at = RATES.findIndex((one) => one >= rate);
  return RATES[Math.min(Math.max(at + by, 0), RATES.length - 1)] ?? 1;
}

/** What a key means to a video that is in use; undefined where it means nothing. */
export function filmKey(film: Film, event: KeyboardEvent): (() => void) | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const { key, shiftKey } = event;
  const along = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const page = { PageDown: 5, PageUp: -5 }[key];
  if (along) return shiftKey ? () => (film.now += along) : () => film.step(along);
  if (page) return () => (film.now += page);
  if (key === "<" || key === ">") return () => (film.rate = nextRate(film.rate, key === ">" ? 1 : -1));
  return key === " " ? () => film.toggle() : undefined;
}

/** The same, for the page that `?` opens. */
export function filmHelp(text: (key: keyof typeof filmTexts.en) => string): KeyHelp[] {
  return [
    { keys: "Space", does: text("key.film.play") },
    { keys: "ArrowLeft ArrowRight", does: text("key.film.frame") },
    { keys: "Shift+ArrowRight", does: text("key.film.second") },
    { keys: "PageUp PageDown", does: text("key.film.five") },
    { keys: "< >", does: text("key.film.speed") },
  ];
}

export class Film {
  readonly video: HTMLVideoElement;
  fault: Fault | undefined;
  private readonly changed: () => void;
  /** Where playing stops; undefined: at the end. */
  private until: number | undefined;
  /** Frames a second, as the record tells them. */
  told: number | undefined;
  private readonly gaps: number[] = [];
  private last: number | undefined;
  private frame = 0;
  private gone = false;

  /** `changed` is called when something of it changes, and for each picture while it plays; `fps` as the record tells it. */
  constructor(address: string, fps: number | undefined, changed: () => void) {
    this.changed = changed;
    this.told = fps;
    // The fragment lets phones show the first frame before anybody plays it.
    this.video = document.createElement("video");
    Object.assign(this.video, { preload: "auto", playsInline: true });
    if (address) this.video.src = `${address}#t=0.001`;
    this.video.setAttribute("playsinline", "");
    this.video.disablePictureInPicture = true;
    for (const name of ["pause", "ended", "seeked", "seeking", "ratechange", "durationchange", "waiting", "playing", "volumechange"]) {
      this.video.addEventListener(name, () => !this.gone && changed());
    }
    this.video.addEventListener("play", () => this.tick());
    this.video.addEventListener("loadedmetadata", () => this.arrived());
    this.video.addEventListener("error", () => void this.explain(address));
    this.watchFrames();
  }

  private arrived(): void {
    // An unknown codec of pictures beside a known one of sound plays as sound: said, or nobody would know why it is black.
    if (!this.video.videoWidth) this.fault = "sound-only";
    if (!Number.isFinite(this.video.duration)) this.findEnd();
    this.changed();
  }

  /** Recorders leave out how long it is: a place behind any end makes the browser look. */
  private findEnd(): void {
    const known = () => {
      if (!Number.isFinite(this.video.duration)) return;
      this.video.removeEventListener("durationchange", known);
      this.video.currentTime = 0;
    };
    this.video.addEventListener("durationchange", known);
    this.video.currentTime = 1e7;
  }

  private async explain(address: string): Promise<void> {
    const answer = await fetch(address, { headers: { Range: "bytes=0-0" } }).catch(() => undefined);
    void answer?.body?.cancel();
    if (this.gone) return;
    this.fault = answer?.ok ? "undecodable" : "away";
    this.changed();
  }

  // -- Time --------------------------------------------------------------------------------------

  /** Seconds; 0 until it is known. */
  get duration(): number {
    return Number.isFinite(this.video.duration) ? this.video.duration : 0;
  }

  get now(): number {
    return Math.min(this.video.currentTime, this.duration || Infinity);
  }

  set now(time: number) {
    this.video.currentTime = Math.min(Math.max(time, 0), this.duration || Math.max(time, 0));
  }

  /** Frames a second: as the record tells it, else as seen while it played. */
  get fps(): number {
    const { told } = this;
    return told !== undefined && told > 0 && told <= 1000 ? told : (this.seen() ?? USUAL);
  }

  /** Where the frame begins that is shown, seconds. */
  get frameStart(): number {
    const { fps } = this;
    return Math.floor((this.now + ROUNDED) * fps) / fps;
  }

  private seen(): number | undefined {
    if (this.gaps.length < SEEN) return undefined;
    const sorted = [...this.gaps].sort((a, b) => a - b);
    const gap = sorted[sorted.length >> 1] ?? 0;
    return gap > 0 ? 1 / gap : undefined;
  }

  private watchFrames(): void {
    if (this.told !== undefined || typeof this.video.requestVideoFrameCallback !== "function") return;
    const look = (_: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      const gap = mediaTime - (this.last ?? mediaTime);
      if (gap > 0 && gap < 1 && this.gaps.length < 100) this.gaps.push(gap);
      this.last = mediaTime;
      if (!this.gone) this.video.requestVideoFrameCallback(look);
    };
    this.video.requestVideoFrameCallback(look);
  }

  /** Goes so many frames on or back, and stops there. */
  step(frames: number): void {
    this.video.pause();
    this.now = Math.max(this.frameStart + frames / this.fps, 0) + INTO;
  }

  // -- Play --------------------------------------------------------------------------------------

  get playing(): boolean {
    return !this.video.paused && !this.video.ended;
  }

  /** It is to play, and waits for what is still to come. */
  get waiting(): boolean {
    return (this.playing || this.video.seeking) && this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !this.fault;
  }

  /** Plays from a time to another, or on from here. */
  play(from?: number, until?: number): void {
    this.until = until;
    if (from !== undefined) this.now = from;
    // A browser may refuse to play before the page was touched; the button stays as it is.
    void this.video.play().catch(() => undefined);
  }

  pause(): void {
    this.video.pause();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play(this.video.ended ? 0 : undefined);
  }

  get rate(): number {
    return this.video.playbackRate;
  }

  set rate(rate: number) {
    this.video.playbackRate = rate;
  }

  private tick(): void {
    cancelAnimationFrame(this.frame);
    if (this.gone) return;
    if (this.playing) {
      if (this.until !== undefined && this.now >= this.until) {
        this.pause();
        this.now = this.until;
      } else this.frame = requestAnimationFrame(() => this.tick());
    }
    this.changed();
  }

  destroy(): void {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    this.video.pause();
    // Without this a browser goes on loading what nobody sees any more.
    this.video.removeAttribute("src");
    this.video.load();
  }
}
