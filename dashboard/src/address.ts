/** Address of a path of the API, relative to the page. */
export function address(path: string): string {
  return new URL(`.${path}`, document.baseURI).href;
}
