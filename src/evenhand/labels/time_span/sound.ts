/** A recording of our own node: a sound is fetched once, decoded here and played from there; a video streams. */
import { Film } from "$web/lib/film";
import { peaksOf } from "./spans";

/** Peaks for each second of the waveform. */
export const RATE = 200;

/** Samples for each second are enough to see a waveform; decoding to more would fill the memory. */
const SAMPLES = 8_000;

/** Larger files are played but not drawn: decoded they would take gigabytes. */
const MOST_BYTES = 200_000_000;

/** Of videos, only those so small are fetched a second time for their waveform. */
const MOST_OF_FILM = 64_000_000;

/** What the widget plays and marks. */
export interface Recording {
  /** Seconds; 0 until it is known. */
  readonly duration: number;
  /** The waveform, `RATE` of them a second; undefined where there is none. */
  readonly peaks: Float32Array | undefined;
  readonly failed: boolean;
  readonly playing: boolean;
  /** Seconds. */
  now: number;
  /** 1 as recorded, 2 twice as fast. */
  rate: number;
  /** Plays from a time to another, or on from here. */
  play(from?: number, until?: number): void;
  pause(): void;
  destroy(): void;
}

export class Sound implements Recording {
  /** Seconds; 0 until it is known. */
  duration = 0;
  peaks: Float32Array | undefined;
  failed = false;
  private readonly audio = new Audio();
  private readonly stopping = new AbortController();
  private readonly changed: () => void;
  /** Where playing stops; undefined: at the end of the recording. */
  private until: number | undefined;
  private frame = 0;

  /** `changed` is called when the recording is here, and for each picture while it plays. */
  constructor(address: string, changed: () => void) {
    this.changed = changed;
    this.audio.preload = "auto";
    for (const name of ["pause", "ended", "seeked", "play", "ratechange"]) this.audio.addEventListener(name, changed);
    this.audio.addEventListener("loadedmetadata", () => this.lasts(this.audio.duration));
    if (address) void this.load(address);
  }

  private async load(address: string): Promise<void> {
    try {
      const answer = await fetch(address, { signal: this.stopping.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const bytes = await answer.arrayBuffer();
      const type = answer.headers.get("content-type") ?? "";
      // Played from memory, so that every jump is at once and nothing is fetched twice.
      this.audio.src = URL.createObjectURL(new Blob([bytes], { type }));
      if (bytes.byteLength > MOST_BYTES) return;
      const decoded = await decoder().decodeAudioData(bytes);
      this.peaks = peaksIn(decoded);
      this.lasts(decoded.duration);
    } catch {
      // What the player can play it may still play; without a length there is nothing to mark on.
      if (!this.stopping.signal.aborted && !this.duration) this.failed = true;
    }
    if (!this.stopping.signal.aborted) this.changed();
  }

  /** A decoded length is right; that of a stream in a file may be infinite. */
  private lasts(duration: number): void {
    if (!Number.isFinite(duration) || duration <= 0) return;
    this.duration = this.peaks ? duration : this.duration || duration;
    this.failed = false;
    this.changed();
  }

  get now(): number {
    return this.audio.currentTime;
  }

  set now(time: number) {
    this.audio.currentTime = Math.min(Math.max(time, 0), this.duration);
  }

  get playing(): boolean {
    return !this.audio.paused && !this.audio.ended;
  }

  get rate(): number {
    return this.audio.playbackRate;
  }

  set rate(rate: number) {
    this.audio.playbackRate = rate;
  }

  play(from?: number, until?: number): void {
    this.until = until;
    if (from !== undefined) this.now = from;
    // A browser may refuse to play before the page was touched; the button stays as it is.
    void this.audio.play().then(() => this.tick(), () => undefined);
  }

  pause(): void {
    this.audio.pause();
  }

  private tick(): void {
    cancelAnimationFrame(this.frame);
    if (!this.playing) return;
    if (this.until !== undefined && this.now >= this.until) {
      this.pause();
      this.now = this.until;
    } else this.frame = requestAnimationFrame(() => this.tick());
    this.changed();
  }

  destroy(): void {
    this.stopping.abort();
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
  }
}

/** A video, with the waveform of its sound where it has any and is small enough. */
export class FilmWithSound extends Film implements Recording {
  peaks: Float32Array | undefined;
  private readonly stopping = new AbortController();

  constructor(address: string, fps: number | undefined, changed: () => void) {
    super(address, fps, changed);
    if (address) void this.listen(address, changed);
  }

  get failed(): boolean {
    return this.fault === "away" || this.fault === "undecodable";
  }

  private async listen(address: string, changed: () => void): Promise<void> {
    try {
      const answer = await fetch(address, { signal: this.stopping.signal });
      if (!answer.ok || Number(answer.headers.get("content-length") ?? Infinity) > MOST_OF_FILM) return this.stopping.abort();
      this.peaks = peaksIn(await decoder().decodeAudioData(await answer.arrayBuffer()));
      changed();
    } catch {
      // Most videos that are marked have no sound, and then there is no waveform.
    }
  }

  override destroy(): void {
    this.stopping.abort();
    super.destroy();
  }
}

const peaksIn = (decoded: AudioBuffer): Float32Array => peaksOf(loudest(decoded), decoded.sampleRate, RATE);

/** Not all browsers decode to few samples. */
function decoder(): BaseAudioContext {
  try {
    return new OfflineAudioContext(1, 1, SAMPLES);
  } catch {
    return new OfflineAudioContext(1, 1, 44_100);
  }
}

/** The channels in one, whichever is farther from silence. */
function loudest(sound: AudioBuffer): Float32Array {
  const samples = sound.getChannelData(0);
  for (let channel = 1; channel < sound.numberOfChannels; channel += 1) {
    const other = sound.getChannelData(channel);
    for (let i = 0; i < samples.length; i += 1) if (Math.abs(other[i] ?? 0) > Math.abs(samples[i] ?? 0)) samples[i] = other[i] ?? 0;
  }
  return samples;
}
