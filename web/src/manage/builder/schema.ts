/**
 * Forms out of a label type's configuration schema (JSON Schema 2020-12, `LabelType.config_schema`).
 *
 * No label type is known here by name: a new one gets its form from what its schema says.
 */
import type { ConfigSchema } from "../../lib/api";
import type { Json } from "../../widget";
import { typed } from "./typed";

interface Common {
  /** Key in the configuration. */
  key: string;
  title: string;
  help: string;
  required: boolean;
  /** What holds when nothing is set; undefined where the schema names nothing. */
  preset: Json | undefined;
  /** Null is allowed and means "not set". */
  nullable: boolean;
}

export type Control = Common &
  (
    | { kind: "choices"; tree: boolean; columns: Column[] }
    | { kind: "field"; types: string[] }
    | { kind: "fields"; types: string[] }
    | { kind: "switch" }
    | { kind: "number"; whole: boolean; min: number | undefined; max: number | undefined }
    | { kind: "text"; max: number | undefined }
    | { kind: "select"; options: (string | number)[] }
    | { kind: "names" }
    | { kind: "json" }
  );

/** A property of the entries of a list of choices, beside id, name and children. */
export interface Column {
  key: string;
  kind: "text" | "switch" | "ids";
  /** Of ids: the key of the configuration whose list has them. */
  of: string;
  /** Of a switch: what holds when nothing is set. */
  preset: boolean;
  title: string;
  help: string;
  /** Longest text; 1 makes a narrow column. */
  max: number | undefined;
}

type Schema = { [keyword: string]: unknown };

/** The controls of a configuration, in the schema's order. */
export function controls(schema: ConfigSchema): Control[] {
  const required = new Set(list(schema["required"]).map(String));
  return Object.entries(object(schema["properties"])).map(([key, property]) =>
    control(key, object(property), schema, required.has(key)),
  );
}

function control(key: string, property: Schema, root: Schema, required: boolean): Control {
  const { schema, nullable } = resolve(property, root);
  const common: Common = {
    key,
    title: typed(text(property["title"]) ?? text(schema["title"]) ?? key),
    help: typed(text(property["description"]) ?? ""),
    required,
    preset: property["default"] as Json | undefined,
    nullable,
  };
  return { ...common, ...kindOf({ ...schema, ...formatOf(property) }, root) };
}

function formatOf(property: Schema): Schema {
  return "format" in property ? { format: property["format"] } : {};
}

type Kind = Control extends infer C ? (C extends Common ? Omit<C, keyof Common> : never) : never;

function kindOf(schema: Schema, root: Schema): Kind {
  const format = text(schema["format"]) ?? "";
  if (format === "choices") return { kind: "choices", ...entries(schema, root) };
  if (format.startsWith("field:")) return { kind: "field", types: fieldTypes(format) };
  const items = object(schema["items"]);
  const itemFormat = text(items["format"]) ?? "";
  if (itemFormat.startsWith("field:")) return { kind: "fields", types: fieldTypes(itemFormat) };
  if (Array.isArray(schema["enum"])) return { kind: "select", options: list(schema["enum"]).filter(plain) };
  return simple(schema);
}

function simple(schema: Schema): Kind {
  switch (schema["type"]) {
    case "boolean":
      return { kind: "switch" };
    case "integer":
    case "number":
      return {
        kind: "number",
        whole: schema["type"] === "integer",
        min: number(schema["minimum"]),
        max: number(schema["maximum"]),
      };
    case "string":
      return { kind: "text", max: number(schema["maxLength"]) };
    case "object":
      // Text by key, such as names of a scale's steps; anything richer is edited as JSON.
      return object(schema["additionalProperties"])["type"] === "string" ? { kind: "names" } : { kind: "json" };
    default:
      return { kind: "json" };
  }
}

/** The object form of a list's entries: whether they nest, and what else they carry. */
function entries(schema: Schema, root: Schema): { tree: boolean; columns: Column[] } {
  const variants = [object(schema["items"]), ...list(object(schema["items"])["anyOf"]).map(object)];
  const entry = variants.map((one) => resolve(one, root).schema).find((one) => "properties" in one) ?? {};
  const properties = Object.entries(object(entry["properties"]));
  const columns = properties
    .filter(([key]) => !["id", "name", "children"].includes(key))
    .map(([key, property]) => column(key, object(property)));
  return { tree: properties.some(([key]) => key === "children"), columns };
}

function column(key: string, property: Schema): Column {
  const format = text(property["format"]) ?? "";
  return {
    key,
    kind: format.startsWith("ids:") ? "ids" : property["type"] === "boolean" ? "switch" : "text",
    of: format.slice("ids:".length),
    preset: property["default"] === true,
    title: typed(text(property["title"]) ?? key),
    help: typed(text(property["description"]) ?? ""),
    max: number(property["maxLength"]),
  };
}

/** Follows `$ref` and takes `null` out of `anyOf` and of lists of types. */
function resolve(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  const reference = text(schema["$ref"]);
  if (reference?.startsWith("#/$defs/")) {
    return resolve(object(object(root["$defs"])[reference.slice("#/$defs/".length)]), root);
  }
  const variants = list(schema["anyOf"]).map(object);
  const others = variants.filter((one) => one["type"] !== "null");
  const [only] = others;
  if (only && others.length === 1) return { ...resolve(only, root), nullable: others.length < variants.length };
  const types = list(schema["type"]).filter((one) => one !== "null");
  if (types.length === 1) return { schema: { ...schema, type: types[0] }, nullable: true };
  return { schema, nullable: false };
}

function fieldTypes(format: string): string[] {
  return format.slice("field:".length).split(",");
}

/** Whether a control for a field takes one of this type. */
export function takes(types: string[], type: string): boolean {
  return types.includes("*") || types.includes(type);
}

/** A text is worth a box of several lines from this length on. */
export function isLong(control: Control): boolean {
  return control.kind === "text" && (control.max === undefined || control.max > 500);
}

/** The configuration to begin with: fields are picked where only one fits, the rest is the type's example. */
export function firstConfig(
  schema: ConfigSchema,
  example: { [key: string]: Json },
  fields: readonly { name: string; type: string }[],
): { [key: string]: Json } {
  const config: { [key: string]: Json } = {};
  let taken = 0;
  for (const one of controls(schema)) {
    if (one.kind === "field" && (one.required || example[one.key] !== undefined)) {
      const fitting = fields.filter((field) => takes(one.types, field.type));
      if (one.required) config[one.key] = fitting[Math.min(taken++, fitting.length - 1)]?.name ?? "";
    } else if (one.kind === "fields") {
      if (one.required) config[one.key] = fields.filter((field) => takes(one.types, field.type)).map((field) => field.name);
    } else if (one.required && example[one.key] !== undefined) {
      config[one.key] = one.kind === "choices" ? [] : (example[one.key] as Json);
    }
  }
  return config;
}

/** What of a configuration still holds under another label type: what both know under one name and in one form. */
export function keptConfig(
  before: readonly Control[],
  after: readonly Control[],
  config: { readonly [key: string]: Json },
  fields: readonly { name: string; type: string }[],
): { [key: string]: Json } {
  const kept: { [key: string]: Json } = {};
  for (const control of after) {
    const value = config[control.key];
    const known = before.some((one) => one.key === control.key && one.kind === control.kind);
    if (value !== undefined && known && fits(control, value, fields)) kept[control.key] = value;
  }
  return kept;
}

/** Whether a control for fields takes the fields named; every other control takes what it took. */
function fits(control: Control, value: Json, fields: readonly { name: string; type: string }[]): boolean {
  if (control.kind !== "field" && control.kind !== "fields") return true;
  const names = Array.isArray(value) ? value : [value];
  return names.every((name) => fields.some((field) => field.name === name && takes(control.types, field.type)));
}

function object(value: unknown): Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Schema) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function plain(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}
