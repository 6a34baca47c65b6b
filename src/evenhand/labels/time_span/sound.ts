/** A recording of our own node: fetched once, decoded here, played from there. */
import { peaksOf } from "./spans";

/** Peaks for each second of the waveform. */
export const RATE = 200;

/** Samples for each second are enough to see a waveform; decoding to more would fill the memory. */
const SAMPLES = 8_000;

/** Larger files are played but not drawn: decoded they would take gigabytes. */
const MOST_BYTES = 200_000_000;

export class Sound {
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
    for (const name of ["pause", "ended", "seeked", "play"]) this.audio.addEventListener(name, changed);
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
      this.peaks = peaksOf(loudest(decoded), decoded.sampleRate, RATE);
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

  /** Plays from a time to another, or on from here. */
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
