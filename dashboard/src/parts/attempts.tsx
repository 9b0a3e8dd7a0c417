// The attempts at a proof.
import { Table, Time } from "./basic";
import { span } from "../format";
import type { Attempt } from "../types";

/** Milliseconds before each attempt in which no worker had the job. The first kept one may not be the first one. */
export function waits(createdAt: string, attempts: Attempt[]): (number | undefined)[] {
  return attempts.map((attempt, index) => {
    const before = attempts[index - 1];
    const from = before ? before.endedAt : attempt.number === 1 ? createdAt : undefined;
    return from === undefined ? undefined : Math.max(0, Date.parse(attempt.beganAt) - Date.parse(from));
  });
}

export function Attempts({ createdAt, attempts, pending }: { createdAt: string; attempts: Attempt[]; pending: boolean }) {
  if (attempts.length === 0) return null;
  const waited = waits(createdAt, attempts);
  return (
    <Table label="Attempts" head={["Attempt", "Began", "Wait before it", "Time", "Last stage", "Result"]}>
      {attempts.map((attempt, index) => {
        const [wait, last] = [waited[index], index === attempts.length - 1];
        return (
          <tr key={`${attempt.number} ${attempt.beganAt}`}>
            <th scope="row">{attempt.number}</th>
            <td><Time at={attempt.beganAt} /></td>
            <td>{wait === undefined ? "" : span(wait)}</td>
            <td>{attempt.endedAt ? span(Date.parse(attempt.endedAt) - Date.parse(attempt.beganAt)) : ""}</td>
            <td>{attempt.stage}</td>
            <td>{attempt.cause ?? (attempt.endedAt ? (attempt.stage === "done" ? "proof" : "ended") : last && pending ? "runs" : "its worker stopped without a result")}</td>
          </tr>
        );
      })}
    </Table>
  );
}
