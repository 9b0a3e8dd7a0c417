// The key of this tab, in its session storage: forgotten when it was not used for a while, and after a longest time in any case.
const ITEM = "zkflow-session";
/** Where earlier versions kept the key. */
sessionStorage.removeItem("zkflow-key");

type Session = { key: string; began: number; used: number };

/** Milliseconds of a setting of the server, which writes them into the page; 0: no limit. */
const limit = (name: string): number => Number(document.documentElement.dataset[name]) * 1000 || 0;
const IDLE = limit("idleS");
const LONGEST = limit("sessionS");

function read(): Session | null {
  const stored = sessionStorage.getItem(ITEM);
  try {
    const { key, began, used } = JSON.parse(stored ?? "null") as Session;
    return typeof key === "string" && Number.isFinite(began) && Number.isFinite(used) ? { key, began, used } : null;
  } catch {
    return null;
  }
}

function write(session: Session): void {
  sessionStorage.setItem(ITEM, JSON.stringify(session));
}

/** Milliseconds by which a clock may be corrected. */
const CORRECTION = 60_000;

/** Whether a session has ended. A clock that was set back ends it too. */
function isOver({ began, used }: Session, now: number): boolean {
  return now < used - CORRECTION || (IDLE > 0 && now - used >= IDLE) || (LONGEST > 0 && now - began >= LONGEST);
}

export const key = {
  /** The key; `null` without one, or when its session is over. */
  get: (): string | null => {
    const session = read();
    if (session === null || isOver(session, Date.now())) {
      key.forget();
      return null;
    }
    return session.key;
  },
  set: (text: string): void => write({ key: text, began: Date.now(), used: Date.now() }),
  forget: (): void => sessionStorage.removeItem(ITEM),
};

/** Counts what the user does as use, and calls `end` once a session is over. Requests that the page repeats by itself are no use. */
export function watchSession(end: () => void): void {
  const use = () => {
    const [session, now] = [read(), Date.now()];
    // Once a second is enough.
    if (session && !isOver(session, now) && now - session.used >= 1000) write({ ...session, used: now });
  };
  for (const event of ["pointerdown", "keydown", "wheel"]) addEventListener(event, use, { capture: true, passive: true });
  const look = () => {
    if (read() !== null && key.get() === null) end();
  };
  setInterval(look, 1000);
  // Timers of hidden pages are slow.
  document.addEventListener("visibilitychange", look);
}
