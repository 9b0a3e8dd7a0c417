import { useState } from "preact/hooks";
import { download, query, type Problem } from "../api";
import { usePages } from "../load";
import { Empty, Field, More, Section, Table, Title, Trouble } from "../parts/basic";
import type { Usage, UsagePage as Page } from "../types";
import { bytes, count, day, short, span } from "../format";

export function UsagePage() {
  const [from, setFrom] = useState(day(30));
  const [to, setTo] = useState(day(0));
  const [problem, setProblem] = useState<Problem>();
  const pages = usePages<Page, Usage>("/v1/usage", { from, to }, (page) => page.usage);
  const sum = (of: (one: Usage) => number) => pages.items.reduce((total, one) => total + of(one), 0);
  const csv = () => download(`/v1/usage${query({ from, to, format: "csv" })}`, `usage-${from}-${to}.csv`).catch((found: Problem) => setProblem(found));
  return (
    <>
      <Title>Usage</Title>
      <Section title="By day and circuit" aside={<button type="button" class="small" onClick={() => void csv()}>Download as CSV</button>}>
        <div class="filters">
          <Field label="First day">{(id) => <input id={id} type="date" required value={from} max={to} onInput={(event) => setFrom(event.currentTarget.value)} />}</Field>
          <Field label="Last day" hint="Days are in UTC.">{(id, hint) => <input id={id} aria-describedby={hint} type="date" required value={to} min={from} onInput={(event) => setTo(event.currentTarget.value)} />}</Field>
        </div>
        <Trouble of={problem ?? pages.error} />
        {pages.items.length > 0 ? (
          <Table label="Usage" head={["Day", "Circuit", "Proofs", "Failed proofs", "Builds", "Time of work", "CPU of witnesses", "CPU of proofs", "CPU of builds", "Stored", "Deployments", "Gas"]}>
            {pages.items.map((one) => (
              <tr key={`${one.day} ${one.circuitId}`}>
                <td>{one.day}</td>
                <td><a href={`#/circuits/${one.circuitId}`}><code title={one.circuitId}>{short(one.circuitId)}</code></a></td>
                <Counts of={one} />
              </tr>
            ))}
            <tr>
              <th scope="row" colSpan={2}>{pages.more ? "Sum of the loaded days" : "Sum"}</th>
              <Counts of={{
                proofs: sum((one) => one.proofs), failedProofs: sum((one) => one.failedProofs), builds: sum((one) => one.builds),
                workMs: sum((one) => one.workMs), witnessCpuMs: sum((one) => one.witnessCpuMs), provingCpuMs: sum((one) => one.provingCpuMs),
                buildCpuMs: sum((one) => one.buildCpuMs), storedBytes: sum((one) => one.storedBytes), deployments: sum((one) => one.deployments), gas: sum((one) => one.gas),
              }} />
            </tr>
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : "Nothing was used on these days."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

function Counts({ of }: { of: Omit<Usage, "day" | "circuitId"> }) {
  return (
    <>
      <td>{count(of.proofs)}</td><td>{count(of.failedProofs)}</td><td>{count(of.builds)}</td>
      <td>{span(of.workMs)}</td><td>{span(of.witnessCpuMs)}</td><td>{span(of.provingCpuMs)}</td><td>{span(of.buildCpuMs)}</td>
      <td>{bytes(of.storedBytes)}</td><td>{count(of.deployments)}</td><td>{count(of.gas)}</td>
    </>
  );
}
