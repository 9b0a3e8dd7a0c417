import { useState } from "preact/hooks";
import { address } from "../address";
import { call, post } from "../api";
import { useAttempt, useLoad } from "../load";
import { Badge, Confirm, Copy, Delay, Empty, Facts, FailureNotice, Field, FileLink, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { go } from "../route";
import type { Ceremony } from "../types";
import { bytes, short } from "../format";

/** The record of a ceremony, which exists when it has ended. */
const RECORD = "ceremony.json";
const FILES = ["proving_key.zkey", "circuit.r1cs", RECORD];

export function CeremonyPage({ id }: { id: string }) {
  const path = `/v1/ceremonies/${encodeURIComponent(id)}`;
  const { data: ceremony, error, again } = useLoad<Ceremony>(path, 3000);
  const { problem, attempt } = useAttempt(again);
  if (!ceremony) return <><Title>Ceremony</Title>{error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}</>;
  const { rules, result } = ceremony;
  const contributions = ceremony.contributions ?? [];
  const command = `zkflow contribute ${address(path)}`;
  return (
    <>
      <Title aside={<Badge text={ceremony.status} title={ceremony.stage} />}>Ceremony</Title>
      <Trouble of={problem ?? error} />
      <FailureNotice of={ceremony.error ?? result?.problem} />
      <Delay of={ceremony.delayedBy} />
      <div class="columns wide">
        <Section title="Rules">
          <Facts rows={[
            ["id", <><code>{ceremony.ceremonyId}</code> <Copy text={ceremony.ceremonyId} /></>],
            ["circuit", <a href={`#/circuits/${ceremony.circuitId}`}><code>{ceremony.circuitId}</code></a>],
            ["contributions", `at least ${rules.minContributions}`],
            ["deadline", rules.deadline],
            ["a turn ends after", `${rules.turnSeconds} s`],
            ["beacon", `${rules.beacon.source}, not before ${rules.beacon.at}, hashed 2^${rules.beacon.exponent} times`],
            ...(ceremony.beacon ? [["its value", <code class="break">{ceremony.beacon.value}</code>] as [string, preact.JSX.Element]] : []),
            ["visibility", ceremony.visibility === "public" ? "public: tenants that know the id may contribute" : "its tenant only"],
          ]} />
        </Section>
        <Section title="Key">
          {ceremony.circuit && <Facts rows={[
            ["constraints", <code class="break">{ceremony.circuit.r1cs}</code>],
            ["initial key", <code class="break">{ceremony.circuit.circuitHash}</code>],
            ["powers of tau", <><code class="break">{ceremony.circuit.powers}</code> ({ceremony.circuit.powersOrigin})</>],
            ...(ceremony.key ? [["present key", <>{bytes(ceremony.key.size)}, <code class="break">{ceremony.key.sha256}</code></>] as [string, preact.JSX.Element]] : []),
          ]} />}
          {ceremony.key && <div class="row">{FILES.filter((name) => name !== RECORD || result).map((name) => (
            <FileLink key={name} path={`${path}/files/${name}`} name={name} fail={(error) => void attempt(() => Promise.reject(error))} />
          ))}</div>}
          {result?.circuitId && <p><a href={`#/circuits/${result.circuitId}`}>The circuit with this key</a></p>}
          {!ceremony.key && <Empty>The initial key is being made.</Empty>}
        </Section>
      </div>
      {ceremony.open && (
        <Section title="Contribute">
          <p>{ceremony.waiting === 0 ? "No contributor waits." : `${ceremony.waiting} ${ceremony.waiting === 1 ? "contributor waits or has" : "contributors wait or have"} the turn.`} The command waits for its turn, adds a secret on your machine, and sends the key back:</p>
          <pre>{command}</pre>
          <div class="row"><Copy text={command} label="Copy the command" /></div>
        </Section>
      )}
      <Section title="Contributions">
        {contributions.length > 0 ? (
          <Table label="Contributions" head={["Number", "Name", "Hash of the contributor", "SHA-256 of the key", "Received"]}>
            {contributions.map((one) => (
              <tr key={one.number}>
                <td>{one.number}</td><td class="cause">{one.name ?? ""}</td>
                <td><code title={one.hash}>{short(one.hash)}</code> <Copy text={one.hash} /></td>
                <td><code title={one.zkey}>{short(one.zkey)}</code></td><td><Time at={one.receivedAt} /></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>There are none yet.</Empty>}
      </Section>
      <Finish ceremony={ceremony} finish={(value) => attempt(() => post(`${path}/finish`, { value }))} />
      {ceremony.status !== "pending" && (
        <div class="row">
          <Confirm label="Delete" question="Delete the ceremony with its keys and its record? Contributions are lost."
            act={() => attempt(async () => { await call("DELETE", `${path}${problem?.code === "ceremony_ended" ? "?force=true" : ""}`); go("/ceremonies"); })} />
        </div>
      )}
    </>
  );
}

/** Form of the beacon's value. */
function Finish({ ceremony, finish }: { ceremony: Ceremony; finish: (value: string) => Promise<void> }) {
  const [value, setValue] = useState("");
  if (ceremony.status !== "open" || ceremony.beacon) return null;
  const early = Date.now() < Date.parse(ceremony.rules.beacon.at);
  return (
    <Section title="Finish">
      <form onSubmit={(event) => { event.preventDefault(); void finish(value.trim()); }}>
        <Field label="Value of the beacon" hint={early ? `Known from ${ceremony.rules.beacon.at} on: ${ceremony.rules.beacon.source}` : `In hexadecimal, as ${ceremony.rules.beacon.source} has it.`}>
          {(id, hint) => <input id={id} aria-describedby={hint} type="text" required pattern="[0-9a-fA-F]{2,510}" spellcheck={false} disabled={early} value={value} onInput={(event) => setValue(event.currentTarget.value)} />}
        </Field>
        <div class="row"><button type="submit" class="primary" disabled={early}>Finish the ceremony</button></div>
      </form>
    </Section>
  );
}
