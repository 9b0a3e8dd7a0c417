import { useState } from "preact/hooks";
import { query } from "../api";
import { usePages } from "../load";
import { Badge, Empty, Field, More, Search, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { go, parameters, useAddress } from "../route";
import type { ProofPage, ProofRequest } from "../types";
import { moment, short, span } from "../format";

export function ProofsPage() {
  const linked = parameters();
  const [status, setStatus] = useState(linked.get("status") ?? "");
  const [circuitId, setCircuit] = useState(linked.get("circuitId") ?? "");
  const [userId, setUser] = useState(linked.get("userId") ?? "");
  const [code, setCode] = useState(linked.get("errorCode") ?? "");
  const [since, setSince] = useState(linked.get("since") ?? "");
  const [until, setUntil] = useState(linked.get("until") ?? "");
  useAddress("proofs", { status, circuitId, userId, errorCode: code, since, until });
  const [id, setId] = useState("");
  const filter = { status, circuitId, userId, errorCode: code, since: moment(since), until: moment(until) };
  const pages = usePages<ProofPage, ProofRequest>("/v1/proofs", filter, (page) => page.proofs, 5000);
  return (
    <>
      <Title aside={<a href={`#/prove${query({ circuitId })}`}>Make or verify a proof</a>}>Proofs</Title>
      <Section title="Proof requests">
        <div class="filters">
          <Field label="Status">{(field) => (
            <select id={field} value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
              <option value="">any</option>{["pending", "completed", "failed", "cancelled"].map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
          <Search label="Circuit" placeholder="32 hex digits" value={circuitId} set={setCircuit} />
          <Search label="User" value={userId} set={setUser} />
          <Search label="Error code" placeholder="constraint_failed" value={code} set={setCode} />
          <Field label="Since">{(field) => <input id={field} type="datetime-local" value={since} onChange={(event) => setSince(event.currentTarget.value)} />}</Field>
          <Field label="Until">{(field) => <input id={field} type="datetime-local" value={until} onChange={(event) => setUntil(event.currentTarget.value)} />}</Field>
        </div>
        <form class="row" onSubmit={(event) => { event.preventDefault(); go(`/proofs/${encodeURIComponent(id.trim())}`); }}>
          <Field label="Open by id">{(field) => <input id={field} type="search" required value={id} onInput={(event) => setId(event.currentTarget.value)} />}</Field>
          <button type="submit">Open</button>
        </form>
        <Trouble of={pages.error} />
        {pages.items.length > 0 ? (
          <Table label="Proof requests" head={["Request", "Circuit", "User", "Status", "Error", "Time", "Asked"]}>
            {pages.items.map((proof) => (
              <tr key={proof.proofRequestId}>
                <td><a href={`#/proofs/${proof.proofRequestId}`}><code title={proof.proofRequestId}>{short(proof.proofRequestId)}</code></a></td>
                <td><a href={`#/circuits/${proof.circuitId}`}><code title={proof.circuitId}>{short(proof.circuitId)}</code></a></td>
                <td class="clip">{proof.userId ?? ""}</td>
                <td><Badge text={proof.status} title={proof.stage} /></td>
                <td>{proof.error?.code ?? ""}</td>
                <td>{proof.status === "pending" ? "" : span(Date.parse(proof.updatedAt) - Date.parse(proof.createdAt))}</td>
                <td><Time at={proof.createdAt} /></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : Object.values(filter).some(Boolean) ? "No request fits." : "There are no proof requests."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}
