/** The video with the boxes that are there at the time shown. */
import { Film } from "$web/lib/film";
import type { Size } from "$web/lib/viewport";
import { BoxStage } from "../box/stage";

export class TrackStage extends BoxStage {
  declare film: Film;
  /** Called when something of the video changes. */
  changed: () => void = () => undefined;

  protected override picturing(address: string): HTMLElement {
    this.film = new Film(address, undefined, () => this.changed?.());
    this.film.video.addEventListener("loadedmetadata", () => this.loaded());
    return this.film.video;
  }

  protected override sizeOf(): Size {
    return { width: this.film.video.videoWidth, height: this.film.video.videoHeight };
  }

  override destroy(): void {
    this.film.destroy();
    super.destroy();
  }
}
