/** Lists, page by page. */

/** Yields the elements of all pages, from that of the query on. */
export async function* each<Q extends { readonly cursor?: string }, P extends { readonly nextCursor?: string }, T>(
  query: Q,
  read: (query: Q) => Promise<P>,
  elements: (page: P) => readonly T[],
): AsyncGenerator<T, void, undefined> {
  for (let part = query; ; ) {
    const page = await read(part);
    yield* elements(page);
    if (page.nextCursor === undefined) return;
    part = { ...part, cursor: page.nextCursor };
  }
}
