import type { FieldType, Json } from "../widget";

/** A medium that lies on our own node: the value of an image, audio or video field. */
export interface Blob {
  /** SHA-256, hexadecimal. */
  blob: string;
  /** Pixels after EXIF orientation, where known. */
  width?: number;
  height?: number;
  /** Media type, bytes, and frames a second of a video, where known. */
  type?: string;
  bytes?: number;
  fps?: number;
}

/** Whether fields of this type show a medium. */
export const isMedium = (type: FieldType): boolean => type === "image" || type === "audio" || type === "video";

/** The medium, when the field holds one of ours. A remote address is none: pages fetch nothing from elsewhere. */
export function ownMedium(value: Json | undefined): Blob | undefined {
  const known = typeof value === "object" && value !== null && !Array.isArray(value);
  return known && typeof value["blob"] === "string" ? (value as unknown as Blob) : undefined;
}
