// Values of forms: numbers stay texts, so that none loses a digit.
import { Problem } from "../api";
import { parse, type Json } from "../json";
import type { Circuit, Parameter, Template } from "../types";

/** Value of the text of a field: one number, or an array as JSON or separated by commas, spaces or lines. */
export function value(name: string, text: string, isArray: boolean): Json {
  const trimmed = text.trim();
  if (trimmed.startsWith("[") || trimmed.startsWith("{")) {
    try {
      return texts(parse(trimmed));
    } catch {
      throw new Problem(0, "malformed_json", `${name} is not JSON: a bracket, a comma or a quotation mark is missing`, []);
    }
  }
  if (isArray) return trimmed.split(/[\s,]+/).filter(Boolean);
  return trimmed;
}

/** What a dropped file has beside the known names: it may be of another circuit. */
export function unknown(given: object, known: string[]): Problem | undefined {
  const others = Object.keys(given).filter((name) => !known.includes(name));
  if (others.length === 0) return undefined;
  const list = (names: string[]) => names.slice(0, 10).map((name) => name.slice(0, 64)).join(", ");
  return new Problem(0, "unknown_name", `the file has ${list(others)}, which has no field here; there are ${list(known)}`, []);
}

/** Numbers as texts, at any depth. */
function texts(json: Json): Json {
  if (typeof json === "number") return String(json);
  if (Array.isArray(json)) return json.map(texts);
  if (json && typeof json === "object") return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, texts(one)]));
  return json;
}

/** Text of a value for a field of a form. */
export function text(json: unknown): string {
  return typeof json === "object" && json !== null ? JSON.stringify(json) : String(json ?? "");
}

/** Shape of an input under the parameters of a circuit, such as `[8][2]`; empty for one number. */
export function shape(dimensions: Template["inputs"][number]["shape"], params: Circuit["params"]): string {
  return dimensions.map((size) => {
    if (typeof size === "number") return `[${size}]`;
    const of = (params as Record<string, unknown>)[size];
    return `[${Array.isArray(of) ? of.length : typeof of === "number" || typeof of === "string" ? of : size}]`;
  }).join("");
}

/** Range and type of a parameter for people. */
export function range(parameter: Parameter): string {
  if (parameter.type === "bool") return "true or false";
  const kind = parameter.type === "field" ? "field element" : "integer";
  const limits = [parameter.min !== undefined && `from ${parameter.min}`, parameter.max !== undefined && `to ${parameter.max}`].filter(Boolean).join(" ");
  const list = parameter.length ? `${parameter.length.min} to ${parameter.length.max} values: ` : "";
  return `${list}${kind}${limits ? ` ${limits}` : ""}`;
}
