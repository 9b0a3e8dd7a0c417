// Verifies a proof that a person pastes or drops.
import { useState } from "preact/hooks";
import { asProblem, post, Problem } from "../api";
import { isObject, parse, show, type Json } from "../json";
import type { Circuit } from "../types";
import { Drop, Field, Notice, Section, Trouble } from "./basic";

export function Verify({ circuit }: { circuit: Circuit }) {
  const [proof, setProof] = useState("");
  const [signals, setSignals] = useState("");
  const [verdict, setVerdict] = useState<{ verified: boolean; reason?: string }>();
  const [error, setError] = useState<Problem>();
  const malformed = (what: string) => setError(new Problem(0, "malformed_json", `${what} is not JSON of a proof or of signals`, []));
  const drop = (content: string, name: string) => {
    let read: Json;
    try {
      read = parse(content);
    } catch {
      return malformed(name);
    }
    if (Array.isArray(read)) return setSignals(show(read));
    if (!isObject(read)) return malformed(`${name}: what it contains`);
    if (read["proof"] && read["publicSignals"]) {
      setProof(show(read["proof"]));
      setSignals(show(read["publicSignals"]));
    } else setProof(show(read));
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setVerdict(undefined);
    setError(undefined);
    let body: { proof: Json; publicSignals: Json };
    try {
      body = { proof: parse(proof), publicSignals: parse(signals) };
    } catch {
      return malformed("the proof or the list of signals");
    }
    try {
      setVerdict(await post(`/v1/circuits/${circuit.circuitId}/verify`, body));
    } catch (problem) {
      setError(asProblem(problem));
    }
  };
  return (
    <Section title="Verify a proof">
      <form onSubmit={submit}>
        <div class="columns wide">
          <Field label="proof.json">{(id) => <textarea id={id} rows={6} spellcheck={false} required value={proof} onInput={(event) => setProof(event.currentTarget.value)} />}</Field>
          <Field label="public.json">{(id) => <textarea id={id} rows={6} spellcheck={false} required value={signals} onInput={(event) => setSignals(event.currentTarget.value)} />}</Field>
        </div>
        <Trouble of={error} />
        {verdict && (verdict.verified
          ? <Notice tone="good">The proof is valid.</Notice>
          : <Notice>The proof is not valid: {verdict.reason}</Notice>)}
        <button type="submit">Verify</button>
        <Drop label="Or drop both files here" take={drop} refuse={setError} />
      </form>
    </Section>
  );
}
