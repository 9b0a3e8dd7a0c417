// JSON with exact integers: one that a number cannot represent becomes a string of its digits.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parses JSON. Integers beyond 2^53 - 1 become strings; every other value is as usual. */
export function parse(text: string): Json {
  const exact = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || !/^-?\d+$/.test(token)) return token;
    return Number.isSafeInteger(Number(token)) ? token : `"${token}"`;
  });
  return JSON.parse(exact) as Json;
}

export function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function show(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
