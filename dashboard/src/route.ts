// Pages are named after the `#`, so that the server needs no routes for them, under any base path.
import { useEffect, useState } from "preact/hooks";
import { query } from "./api";

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

/** Number of the present visit: it grows when another page is opened, and when the same one is opened again. */
export function useVisit(): number {
  const [visit, setVisit] = useState(0);
  useEffect(() => {
    const changed = () => setVisit((visit) => visit + 1);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return visit;
}

/** Keeps the conditions of a list in the address of its page: they outlast a reload and a look at an entry, and can be sent to others. */
export function useAddress(page: string, values: Record<string, string>) {
  const address = `#/${page}${query(values)}`;
  useEffect(() => {
    // The page may have been left already.
    if (segments().join("/") === page && location.hash !== address) history.replaceState(null, "", address);
  }, [address]);
}

export const go = (path: string) => {
  location.hash = path;
};
