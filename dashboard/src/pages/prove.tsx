// A proof is made or verified with a circuit that is chosen here.
import { useState } from "preact/hooks";
import { query } from "../api";
import { useLoad } from "../load";
import { Empty, Field, Section, Title, Trouble } from "../parts/basic";
import { Prove } from "../parts/prove";
import { text } from "../parts/values";
import { Verify } from "../parts/verify";
import { parameters, useAddress } from "../route";
import type { Circuit, CircuitPage, Template } from "../types";
import { nameOf, short } from "../format";

export function ProvePage() {
  const [chosen, setChosen] = useState(parameters().get("circuitId") ?? "");
  useAddress("prove", { circuitId: chosen });
  const list = useLoad<CircuitPage>(`/v1/circuits${query({ status: "ready", limit: "200" })}`);
  const newest = list.data?.circuits ?? [];
  // Without a choice, the newest circuit.
  const id = chosen || newest[0]?.circuitId;
  const { data: circuit, error } = useLoad<Circuit>(id ? `/v1/circuits/${encodeURIComponent(id)}` : null);
  const { data: template } = useLoad<Template>(circuit?.templateName ? `/v1/templates/${encodeURIComponent(circuit.templateName)}` : null);
  const others = circuit && !newest.some((one) => one.circuitId === circuit.circuitId) ? [circuit] : [];
  return (
    <>
      <Title>Make or verify a proof</Title>
      <Trouble of={list.error ?? error} />
      {list.data && (id ? (
        <Section title="Circuit" aside={<a href={`#/circuits/${id}`}>Its page</a>}>
          <Field label="Circuit of the proof" hint="The newest 200 that are ready. Others have these forms on their page.">{(field, hint) => (
            <select id={field} aria-describedby={hint} value={id} onChange={(event) => setChosen(event.currentTarget.value)}>
              {[...others, ...newest].map((one) => <option key={one.circuitId} value={one.circuitId}>{label(one)}</option>)}
            </select>
          )}</Field>
        </Section>
      ) : <Empty>No circuit is ready: <a href="#/circuits">build one</a>.</Empty>)}
      {circuit?.status === "ready" && <Prove key={`prove ${circuit.circuitId}`} circuit={circuit} template={template} />}
      {circuit?.status === "ready" && <Verify key={`verify ${circuit.circuitId}`} circuit={circuit} />}
    </>
  );
}

function label(circuit: Circuit): string {
  const given = Object.entries(circuit.params).map(([name, one]) => `${name}=${text(one)}`).join(" ");
  return `${nameOf(circuit)} ${short(circuit.circuitId)} ${given}`.slice(0, 120);
}
