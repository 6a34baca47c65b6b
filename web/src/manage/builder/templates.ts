/**
 * Projects to begin from. This page is the one place of the builder that names label types; a template
 * whose types the node does not offer is not shown.
 */
import type { LabelTypeInfo } from "../../lib/api";
import type { FieldType, Json } from "../../widget";
import { t } from "../texts";
import { type Draft, emptyDraft, newField, newQuestion } from "./draft";

interface TemplateQuestion {
  /** Short name of the label type. */
  type: string;
  title: string;
  config: { [key: string]: Json };
  required?: boolean;
}

export interface Template {
  id: "classify" | "entities" | "compare" | "rate" | "write" | "boxes" | "outlines" | "sound" | "film";
  fields: { name: string; type: FieldType }[];
  questions: TemplateQuestion[];
}

/** All templates, with their texts in the reader's language. */
export function templates(): Template[] {
  const names = (key: string) => t(key as "template.classify.choices").split(", ");
  return [
    {
      id: "classify",
      fields: [{ name: "text", type: "text" }],
      questions: [{ type: "choice", title: t("template.classify.question"), config: { choices: names("template.classify.choices") } }],
    },
    {
      id: "entities",
      fields: [{ name: "text", type: "text" }],
      questions: [
        { type: "span", title: t("template.entities.question"), config: { field: "text", labels: names("template.entities.labels") }, required: false },
      ],
    },
    {
      id: "compare",
      fields: [
        { name: "prompt", type: "markdown" },
        { name: "a", type: "markdown" },
        { name: "b", type: "markdown" },
      ],
      questions: [{ type: "pairwise", title: t("template.compare.question"), config: { a: "a", b: "b", scale: 5, both_bad: true, justification: "optional" } }],
    },
    {
      id: "rate",
      fields: [{ name: "text", type: "text" }],
      questions: [{ type: "rating", title: t("template.rate.question"), config: { min: 1, max: 5, labels: { "1": t("template.rate.low"), "5": t("template.rate.high") } } }],
    },
    {
      id: "write",
      fields: [{ name: "text", type: "text" }],
      questions: [{ type: "text", title: t("template.write.question"), config: { start_from: "text", multiline: true } }],
    },
    {
      id: "boxes",
      fields: [{ name: "image", type: "image" }],
      questions: [{ type: "box", title: t("template.boxes.question"), config: { field: "image", labels: names("template.boxes.labels") }, required: false }],
    },
    {
      id: "outlines",
      fields: [{ name: "image", type: "image" }],
      questions: [{ type: "polygon", title: t("template.outlines.question"), config: { field: "image", labels: names("template.boxes.labels") }, required: false }],
    },
    {
      id: "sound",
      fields: [{ name: "audio", type: "audio" }],
      questions: [{ type: "time_span", title: t("template.sound.question"), config: { field: "audio", labels: names("template.sound.labels"), transcript: true }, required: false }],
    },
    {
      id: "film",
      fields: [{ name: "video", type: "video" }],
      questions: [{ type: "time_span", title: t("template.film.question"), config: { field: "video", labels: names("template.film.labels") }, required: false }],
    },
  ];
}

/** A draft made from a template; undefined when the node lacks one of its label types. */
export function draftFrom(template: Template, types: readonly LabelTypeInfo[]): Draft | undefined {
  const questions = template.questions.map((question) => {
    const type = types.find((one) => one.name === question.type);
    const { title, config, required = true } = question;
    return type && newQuestion({ type: type.id, title, config: structuredClone(config), required });
  });
  if (questions.some((question) => question === undefined)) return undefined;
  return {
    ...emptyDraft(),
    fields: template.fields.map((field) => newField(field.name, field.type)),
    questions: questions.filter((question) => question !== undefined),
  };
}
