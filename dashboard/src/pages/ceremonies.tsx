import { useState } from "preact/hooks";
import { asProblem, post, type Problem } from "../api";
import { usePages } from "../load";
import { Badge, Empty, Field, More, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { go, parameters } from "../route";
import type { Ceremony, CeremonyPage } from "../types";
import { short } from "../format";

export function CeremoniesPage() {
  const [status, setStatus] = useState("");
  const pages = usePages<CeremonyPage, Ceremony>("/v1/ceremonies", { status }, (page) => page.ceremonies, 5000);
  return (
    <>
      <Title>Ceremonies</Title>
      <Announce />
      <Section title="All ceremonies">
        <div class="filters">
          <Field label="Status">{(id) => (
            <select id={id} value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
              <option value="">any</option>{["pending", "open", "completed", "failed"].map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
        </div>
        <Trouble of={pages.error} />
        {pages.items.length > 0 ? (
          <Table label="Ceremonies" head={["Ceremony", "Circuit", "Status", "Contributions", "Waiting", "Deadline", "Announced"]}>
            {pages.items.map((one) => (
              <tr key={one.ceremonyId}>
                <td><a href={`#/ceremonies/${one.ceremonyId}`}><code title={one.ceremonyId}>{short(one.ceremonyId)}</code></a></td>
                <td><a href={`#/circuits/${one.circuitId}`}><code title={one.circuitId}>{short(one.circuitId)}</code></a></td>
                <td><Badge text={one.status} title={one.stage} /></td>
                <td>{one.contributionCount} of at least {one.rules.minContributions}</td><td>{one.waiting}</td>
                <td>{one.rules.deadline}</td><td><Time at={one.announcedAt} /></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : "There are no ceremonies."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

/** Form of a new ceremony. */
function Announce() {
  const [circuitId, setCircuit] = useState(parameters().get("circuitId") ?? "");
  const [least, setLeast] = useState("3");
  const [deadline, setDeadline] = useState("");
  const [at, setAt] = useState("");
  const [source, setSource] = useState("");
  const [isPublic, setPublic] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: Event) => {
    event.preventDefault();
    const beacon = { source: source.trim(), at: new Date(at).toISOString() };
    const rules = { circuitId, minContributions: Number(least), deadline: new Date(deadline).toISOString(), beacon };
    try {
      const made = await post<Ceremony>("/v1/ceremonies", { ...rules, ...(isPublic ? { visibility: "public" } : {}) });
      go(`/ceremonies/${made.ceremonyId}`);
    } catch (found) {
      setProblem(asProblem(found));
    }
  };
  return (
    <Section title="New ceremony">
      <form onSubmit={(event) => void submit(event)}>
        <p>People add secrets to the key of a circuit, one after the other. Proofs cannot be forged if at least one of them destroys the secret.</p>
        <div class="filters">
          <Field label="Circuit" hint="Id of a ready circuit. It keeps its own key.">{(id, hint) => <input id={id} aria-describedby={hint} type="text" required pattern="[0-9a-f]{32}" spellcheck={false} value={circuitId} onInput={(event) => setCircuit(event.currentTarget.value.trim())} />}</Field>
          <Field label="Least number of contributions">{(id) => <input id={id} type="number" required min="1" max="250" value={least} onInput={(event) => setLeast(event.currentTarget.value)} />}</Field>
          <Field label="Deadline" hint="Contributions must be received before.">{(id, hint) => <input id={id} aria-describedby={hint} type="datetime-local" required value={deadline} onInput={(event) => setDeadline(event.currentTarget.value)} />}</Field>
          <Field label="Time of the beacon" hint="Its value is not known before.">{(id, hint) => <input id={id} aria-describedby={hint} type="datetime-local" required min={deadline} value={at} onInput={(event) => setAt(event.currentTarget.value)} />}</Field>
          <Field label="Source of the beacon" hint="Where any person finds the value, such as a round of drand.">{(id, hint) => <input id={id} aria-describedby={hint} type="text" required maxLength={500} value={source} onInput={(event) => setSource(event.currentTarget.value)} />}</Field>
        </div>
        <label class="check"><input type="checkbox" checked={isPublic} onChange={(event) => setPublic(event.currentTarget.checked)} /> Tenants that know its id may contribute</label>
        <Trouble of={problem} />
        <div class="row"><button type="submit" class="primary">Announce</button></div>
      </form>
    </Section>
  );
}
