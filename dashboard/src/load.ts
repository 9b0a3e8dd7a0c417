// Loading from the API, again at an interval while the page is visible.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, get, query, type Problem } from "./api";

export type Loaded<T> = { data?: T; error?: Problem; again: () => void };

/** Loads a path; `every` is in milliseconds, and `null` loads nothing. */
export function useLoad<T>(path: string | null, every?: number): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: Problem }>({ path: null });
  const [turn, setTurn] = useState(0);
  const running = useRef(0);
  useEffect(() => {
    if (path === null) return;
    const mine = ++running.current;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const data = await get<T>(path);
          if (running.current === mine) setState({ path, data });
        } catch (error) {
          if (running.current === mine) setState((old) => ({ ...(old.path === path ? old : { path }), error: asProblem(error) }));
        }
      }
      if (every && running.current === mine) timer = setTimeout(ask, every);
    };
    void ask();
    return () => {
      running.current += 1;
      clearTimeout(timer);
    };
  }, [path, every, turn]);
  const again = useCallback(() => setTurn((turn) => turn + 1), []);
  if (state.path !== path) return { again };
  const loaded: Loaded<T> = { again };
  if (state.data !== undefined) loaded.data = state.data;
  if (state.error) loaded.error = state.error;
  return loaded;
}

/** Makes changes: keeps the refusal of the last one, and loads again afterwards. */
export function useAttempt(...again: (() => void)[]) {
  const [problem, setProblem] = useState<Problem>();
  const attempt = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setProblem(undefined);
    } catch (error) {
      setProblem(asProblem(error));
    }
    for (const one of again) one();
  };
  return { problem, attempt };
}

/** The value, once it has not changed for a moment: a search does not ask at each letter. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 250);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export type Pages<T> = { items: T[]; more: (() => void) | null; error?: Problem; loading: boolean; again: () => void };

/** Loads a list page by page, with the conditions of a filter. `of` takes the entries out of a page, which may have none. */
export function usePages<P extends { nextCursor?: string }, T>(list: string, filter: Record<string, string | undefined>, of: (page: P) => T[], every?: number): Pages<T> {
  type Extra = { path: string; items: T[]; begun?: boolean; next?: string | undefined; error?: Problem };
  const path = `${list}${query({ ...filter, limit: "50" })}`;
  const [extra, setExtra] = useState<Extra>({ path, items: [] });
  const mine: Extra = extra.path === path ? extra : { path, items: [] };
  const first = useLoad<P>(path, mine.begun ? undefined : every);
  const next = mine.begun ? mine.next : first.data?.nextCursor;
  const more = async () => {
    if (!next) return;
    try {
      const page = await get<P>(`${list}${query({ ...filter, limit: "50", cursor: next })}`);
      setExtra({ path, items: [...mine.items, ...of(page)], begun: true, next: page.nextCursor });
    } catch (error) {
      setExtra({ ...mine, error: asProblem(error) });
    }
  };
  const pages: Pages<T> = {
    items: [...(first.data ? of(first.data) : []), ...mine.items],
    more: next ? () => void more() : null,
    loading: !first.data && !first.error,
    again: () => {
      setExtra({ path, items: [] });
      first.again();
    },
  };
  const error = mine.error ?? first.error;
  if (error) pages.error = error;
  return pages;
}
