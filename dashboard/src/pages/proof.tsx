import { useEffect, useState } from "preact/hooks";
import { asProblem, call, post, type Problem } from "../api";
import { useLoad } from "../load";
import { show } from "../json";
import { Badge, Confirm, Copy, Delay, Facts, FailureNotice, Section, Time, Title, Trouble } from "../parts/basic";
import { Attempts, waits } from "../parts/attempts";
import { Timeline } from "../parts/timeline";
import { go } from "../route";
import type { ProofRequest } from "../types";

const STAGES = ["queued", "witness", "prove", "verify", "done"];

export function ProofPage({ id }: { id: string }) {
  const [settled, setSettled] = useState(false);
  const path = `/v1/proofs/${encodeURIComponent(id)}`;
  const { data: proof, error, again } = useLoad<ProofRequest>(path, settled ? undefined : 1000);
  useEffect(() => setSettled(proof !== undefined && proof.status !== "pending"), [proof]);
  const [problem, setProblem] = useState<Problem>();
  if (!proof) return <><Title>Proof</Title>{error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}</>;
  const act = (work: () => Promise<unknown>, then: () => void) => async () => {
    try {
      await work();
      then();
    } catch (found) {
      setProblem(asProblem(found));
    }
  };
  const spent = Object.values(proof.timings).reduce((all, one) => all + one, 0);
  const waited = waits(proof.createdAt, proof.attempts);
  const known = waited.filter((wait) => wait !== undefined);
  // Without a complete list of attempts, all time that is in no stage.
  const wait = known.length > 0 && known.length === waited.length
    ? known.reduce((all, one) => all + one, 0)
    : Date.parse(proof.updatedAt) - Date.parse(proof.createdAt) - spent;
  return (
    <>
      <Title aside={<Badge text={proof.status} />}>Proof</Title>
      <Trouble of={problem ?? error} />
      <FailureNotice of={proof.error} />
      <Delay of={proof.delayedBy} />
      <Section title="Request">
        <Facts rows={[
          ["id", <><code>{proof.proofRequestId}</code> <Copy text={proof.proofRequestId} /></>],
          ["circuit", <a href={`#/circuits/${proof.circuitId}`}><code>{proof.circuitId}</code></a>],
          ...(proof.userId === undefined ? [] : [["user", <code class="break">{proof.userId}</code>] as [string, preact.JSX.Element]]),
          ["asked", <Time at={proof.createdAt} />],
          ["kept until", <time dateTime={proof.expiresAt}>{proof.expiresAt}</time>],
          ...(proof.artifacts ? [["prover", `${proof.artifacts.prover}, proving key ${proof.artifacts.provingKey}`] as [string, string]] : []),
        ]} />
        <Timeline stages={STAGES} present={proof.stage} status={proof.status} timings={proof.timings} attempt={proof.attempt} {...(proof.status === "pending" ? {} : { wait: Math.max(0, wait) })} />
        <Attempts createdAt={proof.createdAt} attempts={proof.attempts} pending={proof.status === "pending"} />
      </Section>
      {proof.artifacts && <Made proof={proof} />}
      <div class="row">
        <a href={`#/circuits/${proof.circuitId}`}>Make another proof with this circuit</a>
        {proof.status === "pending" && <Confirm label="Cancel the request" question="Cancel the request and destroy its inputs?" act={act(() => post(`${path}/cancel`), again)} />}
        {proof.status !== "pending" && <Confirm label="Delete" question="Delete the request with its proof?" act={act(() => call("DELETE", path), () => go("/proofs"))} />}
      </div>
    </>
  );
}

function Made({ proof }: { proof: ProofRequest }) {
  const { data: calldata, error } = useLoad<{ calldata: string }>(`/v1/proofs/${proof.proofRequestId}/calldata`);
  const [verdict, setVerdict] = useState<string>();
  const made = proof.artifacts!;
  const verify = async () => {
    try {
      const found = await post<{ verified: boolean; reason?: string }>(`/v1/circuits/${proof.circuitId}/verify`, {
        proof: made.proof, publicSignals: made.publicSignals,
      });
      setVerdict(found.verified ? "The proof is valid." : `Not valid: ${found.reason}`);
    } catch (problem) {
      setVerdict(asProblem(problem).message);
    }
  };
  return (
    <>
      <Section title="Public signals" aside={<Copy text={show(made.publicSignals)} label="Copy public.json" />}>
        {made.publicSignals.length ? <ol class="signals" start={0}>{made.publicSignals.map((signal, index) => <li key={index}><code class="break">{signal}</code></li>)}</ol> : <p class="empty">None.</p>}
      </Section>
      <div class="columns wide">
        <Section title="Proof" aside={<Copy text={show(made.proof)} label="Copy proof.json" />}>
          <pre tabIndex={0} aria-label="proof.json">{show(made.proof)}</pre>
          <div class="row"><button type="button" onClick={() => void verify()}>Verify</button><span role="status">{verdict}</span></div>
        </Section>
        <Section title="Calldata of the verifier contract" aside={calldata && <Copy text={calldata.calldata} />}>
          {calldata ? <pre tabIndex={0} aria-label="Calldata">{calldata.calldata}</pre> : error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}
        </Section>
      </div>
    </>
  );
}

