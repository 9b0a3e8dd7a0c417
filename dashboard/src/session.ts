// The session of this browser. The server keeps it under a cookie that no script can read; the page has only the token that must be
// sent beside it, in the session storage of its tabs. The session ends when no tab was used for a while, and after a longest time.
import { address } from "./address";

const ITEM = "zkflow-token";
/** Time of the last use, which all tabs share. */
const USED = "zkflow-used";
/** Where earlier versions kept the key. */
for (const item of ["zkflow-key", "zkflow-session"]) sessionStorage.removeItem(item);

type Session = { token: string; began: number };

/** Milliseconds of a setting of the server, which writes them into the page; 0: no limit. */
const limit = (name: string): number => Number(document.documentElement.dataset[name]) * 1000 || 0;
const IDLE = limit("idleS");
const LONGEST = limit("sessionS");

function isSession(value: unknown): value is Session {
  const { token, began } = (value ?? {}) as Partial<Session>;
  return typeof token === "string" && Number.isFinite(began);
}

function read(): Session | null {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(ITEM) ?? "null");
    return isSession(stored) ? stored : null;
  } catch {
    return null;
  }
}

const write = (session: Session): void => sessionStorage.setItem(ITEM, JSON.stringify(session));
const forget = (): void => sessionStorage.removeItem(ITEM);
const use = (now: number): void => localStorage.setItem(USED, String(now));
const lastUse = ({ began }: Session): number => Math.max(began, Number(localStorage.getItem(USED)) || 0);

/** Milliseconds by which a clock may be corrected. */
const CORRECTION = 60_000;

/** Whether a session has ended. A clock that was set back ends it too. */
function isOver(session: Session, now: number): boolean {
  const used = lastUse(session);
  return now < used - CORRECTION || (IDLE > 0 && now - used >= IDLE) || (LONGEST > 0 && now - session.began >= LONGEST);
}

/** The other tabs of this page, which have the same cookie. */
const tabs = new BroadcastChannel(`zkflow ${address("/")}`);
type Word = { ask: true } | { session: Session } | { over: string };
const say = (word: Word): void => tabs.postMessage(word);

/** The last end of a session: the server has answered, which removes the cookie. */
let ended: Promise<unknown> = Promise.resolve();

/** Ends the session here and on the server, whatever it answers. */
function end({ token }: Session): void {
  forget();
  say({ over: token });
  const init: RequestInit = { method: "DELETE", headers: { "X-CSRF-Token": token }, credentials: "same-origin", keepalive: true };
  ended = fetch(address("/v1/session"), init).catch(() => undefined);
}

export const login = {
  /** The token of the session; `null` without one, or when it is over. */
  token: (): string | null => {
    const session = read();
    if (session === null || !isOver(session, Date.now())) return session?.token ?? null;
    end(session);
    return null;
  },
  begin: (token: string): void => {
    const session = { token, began: Date.now() };
    use(session.began);
    write(session);
    say({ session });
  },
  end: (): void => {
    const session = read();
    if (session) end(session);
  },
  /** Waits for the last end: its answer would remove the cookie of a new session. */
  ended: (): Promise<unknown> => ended,
};

/**
 * Counts what the user does as use. Calls `end` once the session is over, here or in another tab, and `begin` when another tab has one.
 * Requests that the page repeats by itself are no use.
 */
export function watchSession(begin: () => void, end: () => void): void {
  const count = () => {
    const [session, now] = [read(), Date.now()];
    // Once a second is enough.
    if (session && !isOver(session, now) && now - lastUse(session) >= 1000) use(now);
  };
  for (const event of ["pointerdown", "keydown", "wheel"]) addEventListener(event, count, { capture: true, passive: true });
  const look = () => {
    if (read() !== null && login.token() === null) end();
  };
  setInterval(look, 1000);
  // Timers of hidden pages are slow.
  document.addEventListener("visibilitychange", look);
  tabs.addEventListener("message", ({ data }: MessageEvent<Word>) => {
    const session = read();
    if ("ask" in data) {
      if (session && !isOver(session, Date.now())) say({ session });
    } else if ("over" in data) {
      if (session?.token !== data.over) return;
      forget();
      end();
    } else if (session?.token !== data.session.token) {
      write(data.session);
      begin();
    }
  });
  if (read() === null) say({ ask: true });
}
