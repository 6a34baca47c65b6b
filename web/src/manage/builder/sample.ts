/** Data to show in the preview of a project that has none yet. */
import type { Field, Json } from "../../widget";
import { t } from "../texts";
import picture from "./sample.svg?url";
import sound from "./sample.wav?url";
import film from "./sample.webm?url";

export interface Sample {
  data: { [field: string]: Json };
  media: (field: string) => string;
}

/** A value for each field, fit for its type; fields of one type get different texts. */
export function sampleOf(fields: readonly Field[]): Sample {
  const texts = [t("sample.first"), t("sample.second"), t("sample.third")];
  const data = Object.fromEntries(fields.map((field, i) => [field.name, value(field, texts[i % texts.length] ?? "")]));
  const types = new Map(fields.map((field) => [field.name, field.type]));
  const addresses: { [type: string]: string } = { image: picture, audio: sound, video: film };
  return { data, media: (field) => addresses[types.get(field) ?? ""] ?? "" };
}

function value(field: Field, text: string): Json {
  switch (field.type) {
    case "image":
      return { blob: "sample", width: 640, height: 400 };
    case "video":
      return { blob: "sample", type: "video/webm", width: 320, height: 180, fps: 25 };
    case "audio":
      return { blob: "sample" };
    case "chat":
      return [
        { role: "user", content: t("sample.ask") },
        { role: "assistant", content: t("sample.answer") },
      ];
    case "html":
      return `<h1>${t("sample.heading")}</h1><p>${text}</p>`;
    default:
      return text;
  }
}
