import { useEffect, useState } from "preact/hooks";
import { asProblem, call, query, type Problem } from "../api";
import { useLoad, usePages } from "../load";
import { Badge, Confirm, Copy, Delay, Empty, Facts, FailureNotice, FileLink, More, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { Compare } from "../parts/compare";
import { Explored } from "../parts/explorer";
import { CHECKS, meaning, Provenance } from "../parts/provenance";
import { Prove } from "../parts/prove";
import { Timeline } from "../parts/timeline";
import { text } from "../parts/values";
import { Verify } from "../parts/verify";
import { go } from "../route";
import type { Circuit, Deployment, DeploymentPage, Template, Usage, UsagePage } from "../types";
import { bytes, count, day, nameOf, short, span } from "../format";

const STAGES = ["queued", "compile", "setup", "store", "done"];

export function CircuitPage({ id }: { id: string }) {
  const [settled, setSettled] = useState(false);
  const { data: circuit, error, again } = useLoad<Circuit>(`/v1/circuits/${encodeURIComponent(id)}`, settled ? undefined : 1000);
  useEffect(() => setSettled(circuit !== undefined && circuit.status !== "pending"), [circuit]);
  const { data: template } = useLoad<Template>(circuit?.templateName ? `/v1/templates/${encodeURIComponent(circuit.templateName)}` : null);
  const [problem, setProblem] = useState<Problem>();
  if (!circuit) return <><Title>Circuit</Title>{error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}</>;
  const origin = meaning(circuit);
  const { report } = circuit;
  const remove = async (force: boolean) => {
    try {
      await call("DELETE", `/v1/circuits/${circuit.circuitId}${force ? "?force=true" : ""}`);
      go("/circuits");
    } catch (found) {
      setProblem(asProblem(found));
    }
  };
  const repeat = async () => {
    try {
      await call("POST", "/v1/circuits", { templateName: circuit.templateName, params: circuit.params });
      setSettled(false);
      again();
    } catch (found) {
      setProblem(asProblem(found));
    }
  };
  return (
    <>
      <Title aside={<Badge text={circuit.status} />}>{nameOf(circuit)}</Title>
      <Trouble of={problem ?? error} />
      <FailureNotice of={circuit.error} />
      <Delay of={circuit.delayedBy} />
      <div class="columns wide">
        <Section title="Circuit">
          <Facts rows={[
            ["id", <><code>{circuit.circuitId}</code> <Copy text={circuit.circuitId} /></>],
            ["hash", <code class="break">{circuit.circuitHash}</code>],
            ...Object.entries(circuit.params).map(([name, one]) => [name, <code class="break">{text(one)}</code>] as [string, preact.JSX.Element]),
            ["visibility", circuit.visibility === "public" ? "public: tenants that know the id may use it" : "its tenant only"],
            ["made", <Time at={circuit.createdAt} />],
            ...(circuit.import?.compiler ? [["compiler", circuit.import.compiler] as [string, string]] : []),
          ]} />
          {circuit.import?.claimed && <p><Badge text="not compared" tone="warn" /> {circuit.import.claimed.message}</p>}
          {circuit.import && !circuit.import.main && !circuit.import.node && <p class="dull">Imported without a source: wires and inputs of the files were compared. With a module of another circuit, proofs fail.</p>}
          <Timeline stages={STAGES} present={circuit.stage} status={circuit.status} timings={circuit.timings} attempt={circuit.attempt} {...(circuit.stageProgress ? { progress: circuit.stageProgress } : {})} />
        </Section>
        <Section title="Keys" aside={<Provenance of={circuit} />}>
          <p>{origin.text}</p>
          {circuit.provenance !== undefined && <p class="dull">{CHECKS}</p>}
          {circuit.replaces && <p class="dull">Deleted before, <Time at={circuit.replaces.removedAt} />: its keys were others (proving key {short(circuit.replaces.provingKey)}).</p>}
          {report && <Facts rows={[
            ["constraints", `${count(report.nonLinearConstraints)} non-linear, ${count(report.linearConstraints)} linear`],
            ["wires", count(report.wires)],
            ["signals", `${count(report.publicInputs)} public and ${count(report.privateInputs)} private inputs, ${count(report.outputs)} outputs`],
            ["rows of the domain", count(report.domainSize)],
            ["memory of a proof", bytes(report.proverMemoryBytes)],
          ]} />}
          {report?.warnings.map((warning) => (
            <p key={warning.kind}><Badge text={warning.kind.replaceAll("_", " ")} tone="warn" /> {count(warning.count)}: <code class="break">{warning.signals.join(", ")}</code></p>
          ))}
        </Section>
      </div>
      {circuit.status === "ready" && <Prove circuit={circuit} template={template} />}
      {circuit.status === "ready" && <Verify circuit={circuit} />}
      {Object.keys(circuit.artifacts).length > 0 && <Files circuit={circuit} fail={setProblem} />}
      {circuit.status === "ready" && <Deployments circuit={circuit} />}
      <Used circuit={circuit} />
      <Compare circuit={circuit} />
      <div class="row">
        <a href={`#/proofs?circuitId=${circuit.circuitId}`}>Proofs of this circuit</a>
        {circuit.status === "ready" && <a href={`#/ceremonies?circuitId=${circuit.circuitId}`}>A ceremony for its keys</a>}
        {circuit.status === "failed" && circuit.templateName && <button type="button" onClick={() => void repeat()}>Request it again</button>}
        {circuit.status !== "pending" && <Confirm label="Delete" act={() => remove(problem?.code === "circuit_in_use")}
          question={problem?.code === "circuit_in_use"
            ? "Delete the circuit although a contract or a ceremony depends on its keys? Nothing brings them back."
            : "Delete the circuit with its keys? The same circuit, built again, has other keys."} />}
      </div>
    </>
  );
}

function Files({ circuit, fail }: { circuit: Circuit; fail: (problem: Problem) => void }) {
  const files = Object.entries(circuit.artifacts).flatMap(([name, file]) => ("url" in file ? [{ name, ...file }] : []));
  return (
    <Section title="Files">
      <Table label="Files" head={["File", "Size", "SHA-256"]}>
        {files.map((file) => (
          <tr key={file.name}>
            <td><FileLink path={file.url} name={file.name} fail={fail} /></td>
            <td>{bytes(file.size)}</td>
            <td class="clip"><code title={file.sha256}>{file.sha256}</code></td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

/** What the tenant of the key used of the circuit; nothing, if the key may not read it. */
function Used({ circuit }: { circuit: Circuit }) {
  const { data, error } = useLoad<UsagePage>(`/v1/usage${query({ circuitId: circuit.circuitId, from: day(29), limit: "1000" })}`);
  if (error?.status === 403) return null;
  const sum = (of: (one: Usage) => number) => (data?.usage ?? []).reduce((total, one) => total + of(one), 0);
  const size = Object.values(circuit.artifacts).reduce((total, file) => total + ("size" in file ? file.size : 0), 0);
  return (
    <Section title="Usage">
      <Trouble of={error} />
      {data && <Facts rows={[
        ["proofs", `${count(sum((one) => one.proofs))}, and ${count(sum((one) => one.failedProofs))} failed`],
        ["builds", count(sum((one) => one.builds))],
        ["time of work", span(sum((one) => one.workMs))],
        ["deployments", `${count(sum((one) => one.deployments))} for ${count(sum((one) => one.gas))} gas`],
        ["size of the files", bytes(size)],
      ]} />}
      <p class="dull">Counts of your tenant on the last 30 days in UTC; the size is the present one.</p>
    </Section>
  );
}

function Deployments({ circuit }: { circuit: Circuit }) {
  const pages = usePages<DeploymentPage, Deployment>(`/v1/circuits/${circuit.circuitId}/deployments`, {}, (page) => page.deployments, 5000);
  // Not every key may read them.
  if (pages.error?.status === 403) return null;
  return (
    <Section title="Deployments">
      <Trouble of={pages.error} />
      {pages.items.length === 0 ? <Empty>{pages.loading ? "Loading…" : "No contract of this circuit was deployed by this server."}</Empty> : (
        <Table label="Deployments" head={["Deployment", "Chain", "Status", "Contract", "Gas", "Changed"]}>
          {pages.items.map((one) => {
            const contract = one.contract?.address;
            return (
              <tr key={one.deploymentId}>
                <td><a href={`#/circuits/${circuit.circuitId}/deployments/${one.deploymentId}`}><code title={one.deploymentId}>{short(one.deploymentId)}</code></a></td>
                <td>{one.chainId ?? ""}</td>
                <td><Badge text={one.status} title={one.error?.message ?? one.stage} /></td>
                <td>{contract && <Explored chain={one.chainId} kind="address" of={contract} />}{one.error && <span>{one.error.code}</span>}</td>
                <td>{one.contract?.gasUsed === undefined ? one.contract?.kind : count(one.contract.gasUsed)}</td>
                <td><Time at={one.updatedAt} /></td>
              </tr>
            );
          })}
        </Table>
      )}
      <More of={pages.more} />
    </Section>
  );
}
