/** Secrets in headers. */

/** The secret without white space around it. The message of `fetch` about a text that is no header would contain it. */
export function secret(text: string, name: string): string {
  const trimmed = text.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new TypeError(`${name} is not visible ASCII text`);
  return trimmed;
}
