// Calls of the API, in the session of this browser.
import { address } from "./address";
import { parse } from "./json";
import { login } from "./session";

/** A refusal of the API. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly faults: { path: string; message: string }[],
  ) {
    super(detail);
  }
}

/** The problem to show for a caught error: a refusal of the API, or a fault of this page. */
export function asProblem(thrown: unknown): Problem {
  return thrown instanceof Problem ? thrown : new Problem(0, "unexpected", thrown instanceof Error ? thrown.message : String(thrown), []);
}

/** Credentials of a request: the session with its cookie, or none. */
function callerWith(token: string | null): RequestInit {
  return token ? { headers: { "X-CSRF-Token": token }, credentials: "same-origin" } : { credentials: "omit" };
}

/** Sends bytes as they are, and any other body as JSON. */
async function send(method: string, path: string, body?: unknown, key?: RequestInit): Promise<Response> {
  const token = login.token();
  const caller = key ?? callerWith(token);
  const headers = { ...caller.headers } as Record<string, string>;
  const init: RequestInit = { ...caller, method, headers, cache: "no-store", redirect: "follow" };
  if (body !== undefined) {
    headers["Content-Type"] = body instanceof Blob ? "application/octet-stream" : "application/json";
    init.body = body instanceof Blob ? body : JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(address(path), init);
  } catch {
    throw new Problem(0, "unreachable", "The server does not answer.", []);
  }
  if (response.ok) return response;
  const text = await response.text();
  let problem: Record<string, unknown> = {};
  try {
    problem = parse(text) as Record<string, unknown>;
  } catch {
    // A proxy's page, for example.
  }
  // Another tab may have begun a session meanwhile.
  if (response.status === 401 && login.token() === token) window.dispatchEvent(new CustomEvent("zkflow-login"));
  throw new Problem(
    response.status,
    String(problem["code"] ?? `status_${response.status}`),
    String(problem["detail"] ?? response.statusText),
    Array.isArray(problem["errors"]) ? (problem["errors"] as Problem["faults"]) : [],
  );
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  try {
    const text = await response.text();
    return (text ? parse(text) : null) as T;
  } catch {
    throw new Problem(response.status, "unexpected", "The answer is not JSON, or was cut off.", []);
  }
}

export const get = <T>(path: string) => call<T>("GET", path);
export const getText = async (path: string) => (await send("GET", path)).text();
export const post = <T>(path: string, body: unknown = {}) => call<T>("POST", path, body);

/** Begins a session. The key is sent this once, and is not kept. */
export async function begin(key: string): Promise<void> {
  await login.ended();
  const caller: RequestInit = { headers: { Authorization: `Bearer ${key}` }, credentials: "same-origin" };
  const { csrfToken } = (await (await send("POST", "/v1/session", undefined, caller)).json()) as { csrfToken: string };
  login.begin(csrfToken);
}

/** Query of a path, without empty values. */
export function query(values: Record<string, string | undefined>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => !!entry[1]);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Saves a file of the API: a link cannot have the header of the session. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await send("GET", path)).blob();
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
