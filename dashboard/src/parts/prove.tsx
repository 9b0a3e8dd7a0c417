// The form of a proof, made from the inputs of the circuit.
import { useState } from "preact/hooks";
import { asProblem, post, Problem } from "../api";
import { isObject, parse } from "../json";
import { go } from "../route";
import type { Circuit, Template } from "../types";
import { Drop, Field, Section, Trouble } from "./basic";
import { shape, text, unknown, value } from "./values";

/** An input of the form. */
type Asked = { name: string; isPublic: boolean; form: string; isOne: boolean; description: string };

/** The inputs of a circuit, from its template or from what was imported; `null` until they are known. */
function asked(circuit: Circuit, template: Template | undefined): Asked[] | null {
  if (template) {
    return template.inputs.map((input) => ({
      name: input.name, isPublic: input.public, form: shape(input.shape, circuit.params), isOne: input.shape.length === 0, description: input.description,
    }));
  }
  return circuit.import ? circuit.import.inputs.map((input) => {
    const isOne = input.values === 1 && !/[[{]/.test(input.shape);
    return { name: input.name, isPublic: input.public, form: isOne ? "" : ` ${input.shape}`, isOne, description: "" };
  }) : null;
}

export function Prove({ circuit, template }: { circuit: Circuit; template: Template | undefined }) {
  const [given, setGiven] = useState<Record<string, string>>({});
  const [user, setUser] = useState("");
  const [error, setError] = useState<Problem>();
  const [sending, setSending] = useState(false);
  const inputs = asked(circuit, template);
  if (!inputs?.length) return null;
  const fill = (inputs: Record<string, unknown>) =>
    setGiven((old) => ({ ...old, ...Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, text(one)])) }));
  const drop = (content: string) => {
    try {
      const read = parse(content);
      if (!isObject(read)) throw new Error("no object");
      const nested = [read["privateInputs"], read["publicInputs"]].filter((one) => one !== undefined && isObject(one));
      const all = Object.assign({}, ...(nested.length ? nested : [read])) as Record<string, unknown>;
      fill(all);
      setError(unknown(all, inputs.map(({ name }) => name)));
    } catch {
      setError(new Problem(0, "malformed_json", "the file has no JSON object with the inputs", []));
    }
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    try {
      const those = (isPublic: boolean) => Object.fromEntries(inputs
        .filter((input) => input.isPublic === isPublic)
        .map((input) => [input.name, value(input.name, given[input.name] ?? "", !input.isOne)]));
      const taken = await post<{ proofRequestId: string }>("/v1/proofs", {
        circuitId: circuit.circuitId, privateInputs: those(false), publicInputs: those(true), ...(user ? { userId: user } : {}),
      });
      setGiven({});
      go(`/proofs/${taken.proofRequestId}`);
    } catch (problem) {
      setError(asProblem(problem));
    } finally {
      setSending(false);
    }
  };
  return (
    <Section title="New proof">
      <form onSubmit={submit} autocomplete="off">
        <div class="filters">
          {inputs.map((input) => (
              <Field key={input.name} label={`${input.name}${input.form}`} hint={<>{input.isPublic ? "public" : "private"}{input.description && ". "}{input.description}</>}>
                {(id, hint) => input.isOne
                  ? <input id={id} aria-describedby={hint} type="text" inputMode="numeric" spellcheck={false} required value={given[input.name] ?? ""} onInput={(event) => setGiven({ ...given, [input.name]: event.currentTarget.value })} />
                  : <textarea id={id} aria-describedby={hint} rows={3} spellcheck={false} required value={given[input.name] ?? ""} placeholder="numbers with commas, or a JSON array" onInput={(event) => setGiven({ ...given, [input.name]: event.currentTarget.value })} />}
              </Field>
          ))}
          <Field label="User" hint="Optional label, for fair turns and lists.">
            {(id, hint) => <input id={id} aria-describedby={hint} type="text" maxLength={128} value={user} onInput={(event) => setUser(event.currentTarget.value)} />}
          </Field>
        </div>
        <Trouble of={error} />
        <div class="row">
          <button type="submit" class="primary" disabled={sending}>Prove</button>
          {template?.example && <button type="button" onClick={() => fill(template.example!.inputs)}>Use the example</button>}
        </div>
        <Drop label="Or drop a JSON file with the inputs" take={drop} refuse={setError} />
      </form>
    </Section>
  );
}
