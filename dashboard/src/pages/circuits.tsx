import { useState } from "preact/hooks";
import { asProblem, post, Problem } from "../api";
import { useLoad, usePages, useSettled } from "../load";
import { Badge, Drop, Empty, Field, More, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { Import } from "../parts/import";
import { Provenance } from "../parts/provenance";
import { range, text, unknown, value } from "../parts/values";
import { isObject, parse, type Json } from "../json";
import { go, parameters, useAddress } from "../route";
import type { Circuit, CircuitPage, Template } from "../types";
import { count, nameOf, short } from "../format";

const LABELS = ["development", "single-operator", "ceremony", "claimed", "forgeable"];

/** `tenants`: the key may list the circuits of other tenants. */
export function CircuitsPage({ tenants }: { tenants: boolean }) {
  const linked = parameters();
  const [status, setStatus] = useState(linked.get("status") ?? "");
  const [template, setTemplate] = useState(linked.get("templateName") ?? "");
  const [word, setWord] = useState(linked.get("search") ?? "");
  const [provenance, setProvenance] = useState(linked.get("provenance") ?? "");
  const [owner, setOwner] = useState(linked.get("tenant") ?? "");
  const { data: library } = useLoad<{ templates: Template[] }>("/v1/templates");
  const [search, tenant] = [useSettled(word.trim()), useSettled(owner.trim())];
  const filter = { status, templateName: template, provenance, search, tenant };
  useAddress("circuits", filter);
  const pages = usePages<CircuitPage, Circuit>("/v1/circuits", filter, (page) => page.circuits, 5000);
  return (
    <>
      <Title>Circuits</Title>
      {library && <Build templates={library.templates} />}
      <Import />
      <Section title="All circuits">
        <div class="filters">
          <Field label="Status">{(id) => (
            <select id={id} value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
              <option value="">any</option>{["pending", "ready", "failed"].map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
          <Field label="Template">{(id) => (
            <select id={id} value={template} onChange={(event) => setTemplate(event.currentTarget.value)}>
              <option value="">any</option>{library?.templates.map(({ name }) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
          <Field label="Provenance">{(id) => (
            <select id={id} value={provenance} onChange={(event) => setProvenance(event.currentTarget.value)}>
              <option value="">any</option>{LABELS.map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
          <Field label="Name, id or hash">{(id) => (
            <input id={id} type="search" maxLength={256} placeholder="how it begins" value={word} onInput={(event) => setWord(event.currentTarget.value)} />
          )}</Field>
          {tenants && (
            <Field label="Tenant">{(id) => (
              <input id={id} type="search" placeholder="your own; * for all" value={owner} onInput={(event) => setOwner(event.currentTarget.value)} />
            )}</Field>
          )}
        </div>
        <Trouble of={pages.error} />
        {pages.items.length > 0 ? (
          <Table label="Circuits" head={["Circuit", ...(tenant ? ["Tenant"] : []), "Template", "Parameters", "Status", "Keys", "Constraints", "Changed"]}>
            {pages.items.map((circuit) => (
              <tr key={circuit.circuitId}>
                <td><Id of={circuit} /></td>
                {tenant && <td>{circuit.tenant}</td>}
                <td class="clip" title={nameOf(circuit)}>{nameOf(circuit)}</td>
                <td class="clip"><code>{Object.entries(circuit.params).map(([name, one]) => `${name}=${text(one)}`).join(" ")}</code></td>
                <td><Badge text={circuit.status} /></td>
                <td><Provenance of={circuit} /></td>
                <td>{circuit.report ? count(circuit.report.nonLinearConstraints + circuit.report.linearConstraints) : ""}</td>
                <td><Time at={circuit.updatedAt} /></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : Object.values(filter).some(Boolean) ? "No circuit fits." : "There are no circuits: build one above."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

/** The id with a link to its page; the page of a circuit in a list by tenant may be closed to this key. */
function Id({ of: { circuitId: id, tenant } }: { of: Circuit }) {
  const text = <code title={id}>{short(id)}</code>;
  return tenant === undefined ? <a href={`#/circuits/${id}`}>{text}</a> : text;
}

/** The template to begin with: one with an example whose inputs are single numbers, which needs few rows and is easy to fill in. */
function simplest(templates: Template[]): Template | undefined {
  return templates.find(({ example, inputs }) => example && inputs.every(({ shape }) => shape.length === 0)) ?? templates[0];
}

/** The form of a template, made from its manifest. */
function Build({ templates }: { templates: Template[] }) {
  const [name, setName] = useState(simplest(templates)?.name ?? "");
  const [given, setGiven] = useState<Record<string, string>>({});
  const [isPublic, setPublic] = useState(false);
  const [error, setError] = useState<Problem>();
  const [sending, setSending] = useState(false);
  const template = templates.find((one) => one.name === name);
  const choose = (next: string) => { setName(next); setGiven({}); setError(undefined); };
  const fill = (params: Record<string, unknown>) =>
    setGiven(Object.fromEntries(Object.entries(params).map(([param, one]) => [param, text(one)])));
  const drop = (content: string) => {
    try {
      const read = parse(content);
      if (!isObject(read)) throw new Error("no object");
      fill(read);
      setError(unknown(read, template?.parameters.map((parameter) => parameter.name) ?? []));
    } catch {
      setError(new Problem(0, "malformed_json", "the file has no JSON object with the parameters", []));
    }
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!template) return;
    setSending(true);
    try {
      const params: Record<string, Json> = {};
      for (const parameter of template.parameters) {
        const said = given[parameter.name]?.trim() ?? "";
        if (!said) continue;
        const read = value(parameter.name, said, parameter.length !== undefined);
        params[parameter.name] = parameter.type === "bool" ? bools(read) : read;
      }
      const circuit = await post<Circuit>("/v1/circuits", { templateName: name, params, ...(isPublic ? { visibility: "public" } : {}) });
      go(`/circuits/${circuit.circuitId}`);
    } catch (problem) {
      setError(asProblem(problem));
    } finally {
      setSending(false);
    }
  };
  return (
    <Section title="New circuit">
      <form onSubmit={submit}>
        <Field label="Template of the circuit">{(id) => (
          <select id={id} value={name} onChange={(event) => choose(event.currentTarget.value)}>
            {templates.map((one) => <option key={one.name} value={one.name}>{one.name}: {one.title}</option>)}
          </select>
        )}</Field>
        {template && <p>{template.description}</p>}
        {template?.warnings?.map((warning) => <p class="dull" key={warning}>{warning}</p>)}
        <div class="filters">
          {template?.parameters.map((parameter) => (
            <Field key={`${name}.${parameter.name}`} label={parameter.name}
              hint={<>{parameter.description} ({range(parameter)}{parameter.default === undefined ? "" : `; ${text(parameter.default)} if empty`})</>}>
              {(id, hint) => parameter.type === "bool" && !parameter.length ? (
                <select id={id} aria-describedby={hint} value={given[parameter.name] ?? ""} onChange={(event) => setGiven({ ...given, [parameter.name]: event.currentTarget.value })}>
                  <option value="">{parameter.default === undefined ? "choose" : `default: ${text(parameter.default)}`}</option><option>true</option><option>false</option>
                </select>
              ) : (
                <input id={id} aria-describedby={hint} type="text" inputMode={parameter.length ? "text" : "numeric"} spellcheck={false}
                  required={parameter.default === undefined} value={given[parameter.name] ?? ""}
                  onInput={(event) => setGiven({ ...given, [parameter.name]: event.currentTarget.value })} />
              )}
            </Field>
          ))}
        </div>
        <label class="check"><input type="checkbox" checked={isPublic} onChange={(event) => setPublic(event.currentTarget.checked)} /> Tenants that know its id may prove and verify with it</label>
        <Trouble of={error} />
        <div class="row">
          <button type="submit" class="primary" disabled={sending}>Build</button>
          {template?.example && <button type="button" onClick={() => fill(template.example!.params)}>Use the example</button>}
        </div>
        <Drop label="Or drop a JSON file with the parameters" refuse={setError} take={drop} />
      </form>
    </Section>
  );
}

function bools(json: Json): Json {
  return Array.isArray(json) ? json.map(bools) : json === "true" ? true : json === "false" ? false : json;
}
