// The difference of two texts by lines.

/** A line that both texts have, or only the first or the second one. */
export type Line = { kind: "same" | "gone" | "new"; text: string };

/** Largest table of the comparison, in cells. */
const MOST_CELLS = 4_000_000;

/** The lines of both texts in order, with as many common ones as possible. Of long texts, the changed middle counts as one change. */
export function diff(before: string[], after: string[]): Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const line = (kind: Line["kind"]) => (text: string): Line => ({ kind, text });
  return [
    ...before.slice(0, head).map(line("same")),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(line("same")),
  ];
}

function middle(before: string[], after: string[]): Line[] {
  const width = after.length + 1;
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  if ((before.length + 1) * width <= MOST_CELLS) {
    // `common[i * width + j]`: length of the longest common subsequence of the lines from `i` and from `j` on.
    const common = new Uint32Array((before.length + 1) * width);
    const at = (row: number, column: number) => common[row * width + column] ?? 0;
    for (let row = before.length - 1; row >= 0; row -= 1) {
      for (let column = after.length - 1; column >= 0; column -= 1) {
        common[row * width + column] = before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
      }
    }
    while (i < before.length && j < after.length) {
      if (before[i] === after[j]) {
        lines.push({ kind: "same", text: before[i]! });
        i += 1;
        j += 1;
      } else if (at(i + 1, j) >= at(i, j + 1)) lines.push({ kind: "gone", text: before[i++]! });
      else lines.push({ kind: "new", text: after[j++]! });
    }
  }
  while (i < before.length) lines.push({ kind: "gone", text: before[i++]! });
  while (j < after.length) lines.push({ kind: "new", text: after[j++]! });
  return lines;
}

/** The changed lines with their neighbours; `null` stands for left out lines. */
export function changes(lines: Line[], neighbours = 3): (Line | null)[] {
  const near = new Set<number>();
  lines.forEach(({ kind }, place) => {
    if (kind === "same") return;
    for (let by = -neighbours; by <= neighbours; by += 1) near.add(place + by);
  });
  const shown: (Line | null)[] = [];
  lines.forEach((line, place) => {
    if (near.has(place)) shown.push(line);
    else if (shown.at(-1) !== null) shown.push(null);
  });
  return shown;
}
