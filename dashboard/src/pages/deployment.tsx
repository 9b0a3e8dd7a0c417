import { useEffect, useState } from "preact/hooks";
import { useLoad } from "../load";
import { Badge, Copy, Delay, Facts, FailureNotice, Section, Time, Title, Trouble } from "../parts/basic";
import { Explored } from "../parts/explorer";
import { Timeline } from "../parts/timeline";
import type { Deployment } from "../types";
import { count } from "../format";

const STAGES = ["queued", "prepare", "send", "confirm", "check", "done"];

type Row = [string, preact.ComponentChildren];

export function DeploymentPage({ circuit, id }: { circuit: string; id: string }) {
  const [settled, setSettled] = useState(false);
  const path = `/v1/circuits/${encodeURIComponent(circuit)}/deployments/${encodeURIComponent(id)}`;
  const { data: one, error } = useLoad<Deployment>(path, settled ? undefined : 2000);
  useEffect(() => setSettled(one !== undefined && one.status !== "pending"), [one]);
  if (!one) return <><Title>Deployment</Title>{error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}</>;
  const { transaction, contract } = one;
  return (
    <>
      <Title aside={<Badge text={one.status} />}>Deployment</Title>
      <Trouble of={error} />
      <FailureNotice of={one.error} />
      <Delay of={one.delayedBy} />
      <Section title="Request">
        <Facts rows={[
          ["id", <><code>{one.deploymentId}</code> <Copy text={one.deploymentId} /></>],
          ["circuit", <a href={`#/circuits/${one.circuitId}`}><code>{one.circuitId}</code></a>],
          ...(one.chainId === undefined ? [] : [["chain", String(one.chainId)] as Row]),
          ...(one.signer === undefined ? [] : [["signer", one.signer] as Row]),
          ["asked", <Time at={one.createdAt} />],
          ["changed", <Time at={one.updatedAt} />],
        ]} />
        {contract?.kind !== "bound" && <Timeline stages={STAGES} present={one.stage} status={one.status} timings={one.timings} attempt={one.attempt} />}
      </Section>
      {transaction && (
        <Section title="Transaction">
          <Facts rows={[
            ["hash", <><Explored chain={one.chainId} kind="tx" of={transaction.hash} /> <Copy text={transaction.hash} /></>],
            ["from", <Explored chain={one.chainId} kind="address" of={transaction.from} />],
            ["nonce", String(transaction.nonce)],
            ...(transaction.replaced ?? []).map((hash) => ["replaces", <Explored chain={one.chainId} kind="tx" of={hash} />] as Row),
          ]} />
        </Section>
      )}
      {contract && (
        <Section title="Contract" aside={<Badge text={contract.kind} />}>
          <Facts rows={[
            ["address", <><Explored chain={contract.chainId} kind="address" of={contract.address} /> <Copy text={contract.address} /></>],
            ["block", count(contract.blockNumber)],
            ...(contract.gasUsed === undefined ? [] : [["gas", count(contract.gasUsed)] as Row]),
            ["code", <>SHA-256 <code class="break">{contract.codeSha256}</code></>],
            ["verification key", <>SHA-256 <code class="break">{contract.verificationKey}</code></>],
          ]} />
        </Section>
      )}
    </>
  );
}
