/**
 * Zoom and pan of a picture in a window, as arithmetic. Lengths are CSS pixels, except the picture's
 * own size, which is its natural pixels after EXIF orientation.
 */

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** A point p of the picture stands at (x + scale·p.x, y + scale·p.y) of the window. */
export interface View extends Point {
  scale: number;
}

/** Beyond this, a picture's pixel is a tile and zooming helps nobody. */
const MAX_SCALE = 32;

/** The whole picture, centred; never enlarged beyond `atMost` times its natural size. */
export function fit(picture: Size, frame: Size, atMost = 1): View {
  if (!picture.width || !picture.height || !frame.width || !frame.height) return { scale: 1, x: 0, y: 0 };
  const scale = Math.min(frame.width / picture.width, frame.height / picture.height, atMost);
  return { scale, x: (frame.width - scale * picture.width) / 2, y: (frame.height - scale * picture.height) / 2 };
}

/** Zooms by `factor` so that what lies under `at` (a point of the window) stays there. */
export function zoomAt(view: View, factor: number, at: Point, picture: Size, frame: Size): View {
  const least = Math.min(fit(picture, frame).scale, 1);
  const scale = Math.min(Math.max(view.scale * factor, least), MAX_SCALE);
  const by = scale / view.scale;
  return within({ scale, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by }, picture, frame);
}

/** Moves the picture, but never out of the window. */
export function pan(view: View, by: Point, picture: Size, frame: Size): View {
  return within({ ...view, x: view.x + by.x, y: view.y + by.y }, picture, frame);
}

function within(view: View, picture: Size, frame: Size): View {
  const along = (at: number, length: number, room: number) =>
    length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
  return {
    scale: view.scale,
    x: along(view.x, view.scale * picture.width, frame.width),
    y: along(view.y, view.scale * picture.height, frame.height),
  };
}

/** The point of the picture under a point of the window. */
export function toPicture(view: View, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

/** One turn of the wheel as a factor; trackpads send many small ones, mice few large ones. */
export function wheelFactor(event: WheelEvent): number {
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
  return Math.exp(-Math.max(-120, Math.min(120, pixels)) * (event.ctrlKey ? 0.01 : 0.0025));
}
