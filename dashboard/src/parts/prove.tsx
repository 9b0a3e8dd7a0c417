// The form of a proof, made from the inputs of the circuit.
import { useState } from "preact/hooks";
import { post, Problem } from "../api";
import { parse, type Json } from "../json";
import { go } from "../route";
import type { Circuit, Template } from "../types";
import { Drop, Field, Section, Trouble } from "./basic";
import { shape, text, value } from "./values";

export function Prove({ circuit, template }: { circuit: Circuit; template: Template | undefined }) {
  const [given, setGiven] = useState<Record<string, string>>({});
  const [user, setUser] = useState("");
  const [error, setError] = useState<Problem>();
  const [sending, setSending] = useState(false);
  if (!template) return null;
  const fill = (inputs: Record<string, unknown>) =>
    setGiven((old) => ({ ...old, ...Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, text(one)])) }));
  const drop = (content: string) => {
    try {
      const read = parse(content) as Record<string, Json>;
      const nested = [read["privateInputs"], read["publicInputs"]].filter((one) => one && typeof one === "object") as Record<string, Json>[];
      (nested.length ? nested : [read]).forEach(fill);
      setError(undefined);
    } catch {
      setError(new Problem(0, "malformed_json", "the file is not JSON", []));
    }
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    try {
      const inputs = (isPublic: boolean) => Object.fromEntries(template.inputs
        .filter((input) => input.public === isPublic)
        .map((input) => [input.name, value(given[input.name] ?? "", input.shape.length > 0)]));
      const taken = await post<{ proofRequestId: string }>("/v1/proofs", {
        circuitId: circuit.circuitId, privateInputs: inputs(false), publicInputs: inputs(true), ...(user ? { userId: user } : {}),
      });
      setGiven({});
      go(`/proofs/${taken.proofRequestId}`);
    } catch (problem) {
      setError(problem as Problem);
    } finally {
      setSending(false);
    }
  };
  return (
    <Section title="New proof">
      <form onSubmit={submit} autocomplete="off">
        <div class="filters">
          {template.inputs.map((input) => {
            const form = shape(input.shape, circuit.params);
            return (
              <Field key={input.name} label={`${input.name}${form}`} hint={<>{input.public ? "public" : "private"}. {input.description}</>}>
                {(id, hint) => input.shape.length === 0
                  ? <input id={id} aria-describedby={hint} type="text" inputMode="numeric" spellcheck={false} required value={given[input.name] ?? ""} onInput={(event) => setGiven({ ...given, [input.name]: event.currentTarget.value })} />
                  : <textarea id={id} aria-describedby={hint} rows={3} spellcheck={false} required value={given[input.name] ?? ""} placeholder="numbers with commas, or a JSON array" onInput={(event) => setGiven({ ...given, [input.name]: event.currentTarget.value })} />}
              </Field>
            );
          })}
          <Field label="User" hint="Optional label, for fair turns and lists.">
            {(id, hint) => <input id={id} aria-describedby={hint} type="text" maxLength={128} value={user} onInput={(event) => setUser(event.currentTarget.value)} />}
          </Field>
        </div>
        <Trouble of={error} />
        <div class="row">
          <button type="submit" class="primary" disabled={sending}>Prove</button>
          {template.example && <button type="button" onClick={() => fill(template.example!.inputs)}>Use the example</button>}
        </div>
        <Drop label="Or drop a JSON file with the inputs" take={drop} />
      </form>
    </Section>
  );
}
