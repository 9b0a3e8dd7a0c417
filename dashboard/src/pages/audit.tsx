import { useState } from "preact/hooks";
import { asProblem, get, type Problem } from "../api";
import { useLoad } from "../load";
import { Empty, Field, More, Section, Table, Time, Title, Trouble } from "../parts/basic";
import type { AuditEntries, AuditEntry } from "../types";
import { short } from "../format";

/** Entries of a page. */
const PAGE = 200;

export function AuditPage() {
  const newest = useLoad<AuditEntries>(`/v1/audit-log?limit=${PAGE}`);
  const [older, setOlder] = useState<AuditEntry[]>([]);
  const [problem, setProblem] = useState<Problem>();
  const [word, setWord] = useState("");
  const entries = [...older, ...(newest.data?.entries ?? [])].reverse();
  const first = entries.at(-1)?.number ?? 1;
  const more = async () => {
    const after = Math.max(0, first - 1 - PAGE);
    try {
      const page = await get<AuditEntries>(`/v1/audit-log?after=${after}&limit=${first - 1 - after}`);
      setOlder([...page.entries, ...older]);
      setProblem(undefined);
    } catch (found) {
      setProblem(asProblem(found));
    }
  };
  const sought = word.trim().toLowerCase();
  const shown = entries.filter((entry) => !sought || [entry.actor, entry.action, entry.subject, entry.tenant].some((one) => one.toLowerCase().includes(sought)));
  return (
    <>
      <Title>Audit log</Title>
      <Section title="Changes by callers, newest first">
        <div class="filters">
          <Field label="Containing">{(id) => <input id={id} type="search" value={word} onInput={(event) => setWord(event.currentTarget.value)} />}</Field>
        </div>
        <Trouble of={problem ?? newest.error} />
        {shown.length > 0 ? (
          <Table label="Audit log" head={["Number", "Time", "Caller", "Tenant", "Action", "Subject", "Digest"]}>
            {shown.map((entry) => (
              <tr key={entry.number}>
                <td>{entry.number}</td><td><Time at={entry.at} /></td><td class="cause">{entry.actor}</td><td>{entry.tenant}</td>
                <td>{entry.action}</td><td class="cause"><code>{entry.subject}</code></td><td><code title={entry.digest}>{short(entry.digest)}</code></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{!newest.data ? newest.error ? "" : "Loading…" : entries.length ? "No loaded entry fits." : "Nothing was changed yet."}</Empty>}
        <More of={first > 1 ? () => void more() : null} />
        <p class="dull">Each entry contains the digest of the one before it. <code>zkflow audit-log verify</code> checks the chain and its seals.</p>
      </Section>
    </>
  );
}
