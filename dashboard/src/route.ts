// Pages are named after the `#`, so that the server needs no routes for them, under any base path.
import { useEffect, useState } from "preact/hooks";

/** The segments of the present page. */
export function segments(): string[] {
  return location.hash.replace(/^#\/?/, "").split("?")[0]!.split("/").filter(Boolean).map(safeDecode);
}

/** The query of the present page. */
export function parameters(): URLSearchParams {
  return new URLSearchParams(location.hash.split("?")[1] ?? "");
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function useRoute(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

export const go = (path: string) => {
  location.hash = path;
};
