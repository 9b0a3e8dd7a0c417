// Compares a circuit with another one of its template.
import { useEffect, useState } from "preact/hooks";
import { getText, Problem } from "../api";
import { useLoad } from "../load";
import type { Circuit, CircuitPage } from "../types";
import { bytes, count, short } from "../format";
import { Empty, Field, Section, Table, Trouble } from "./basic";
import { changes, diff } from "./diff";
import { meaning } from "./provenance";
import { text } from "./values";

const SOURCE = "circuit.circom";
/** Longest source that is compared, in bytes. */
const LONGEST = 1 << 20;

export function Compare({ circuit }: { circuit: Circuit }) {
  const [other, setOther] = useState("");
  const { data } = useLoad<CircuitPage>(circuit.templateName ? `/v1/circuits?limit=200&templateName=${encodeURIComponent(circuit.templateName)}` : null);
  const others = data?.circuits.filter((one) => one.circuitId !== circuit.circuitId) ?? [];
  if (others.length === 0) return null;
  const chosen = others.find((one) => one.circuitId === other);
  return (
    <Section title="Compare">
      <Field label="With another circuit of the template">{(id) => (
        <select id={id} value={other} onChange={(event) => setOther(event.currentTarget.value)}>
          <option value="">choose</option>
          {others.map((one) => <option key={one.circuitId} value={one.circuitId}>{short(one.circuitId)}, {one.createdAt}</option>)}
        </select>
      )}</Field>
      {chosen && <Figures one={circuit} other={chosen} />}
      {chosen && <Sources one={circuit} other={chosen} />}
    </Section>
  );
}

/** What is compared, by name. */
function facts(of: Circuit): Record<string, string> {
  const { report } = of;
  const sizes: Record<string, string> = report ? {
    "public inputs": report.publicInputNames?.join(", ") ?? count(report.publicInputs),
    "private inputs": count(report.privateInputs),
    outputs: count(report.outputs),
    "non-linear constraints": count(report.nonLinearConstraints),
    "linear constraints": count(report.linearConstraints),
    wires: count(report.wires),
    "rows of the domain": count(report.domainSize),
    "size of the proving key": bytes(report.provingKeyBytes),
  } : {};
  const digests = Object.entries(of.artifacts).flatMap(([name, file]) => ("sha256" in file ? [[`SHA-256 of ${name}`, file.sha256]] : []));
  return {
    "circuit hash": of.circuitHash,
    ...Object.fromEntries(Object.entries(of.params).map(([name, value]) => [`parameter ${name}`, text(value)])),
    keys: meaning(of).label,
    ...sizes,
    ...Object.fromEntries(digests),
  };
}

function Figures({ one, other }: { one: Circuit; other: Circuit }) {
  const [mine, theirs] = [facts(one), facts(other)];
  const cell = (value = "") => <td class="clip"><code title={value}>{value.length === 64 ? short(value) : value}</code></td>;
  return (
    <Table label="Comparison" head={["", "this circuit", "the other"]}>
      {[...new Set([...Object.keys(mine), ...Object.keys(theirs)])].map((name) => (
        <tr key={name} class={mine[name] === theirs[name] ? "" : "differs"}>
          <th scope="row">{name}</th>{cell(mine[name])}{cell(theirs[name])}
        </tr>
      ))}
    </Table>
  );
}

/** The difference of the sources, once both are loaded. */
function Sources({ one, other }: { one: Circuit; other: Circuit }) {
  const [found, setFound] = useState<{ of: string; sources?: [string, string]; error?: Problem }>({ of: "" });
  const of = `${one.circuitId} ${other.circuitId}`;
  useEffect(() => {
    let live = true;
    Promise.all([source(one), source(other)]).then(
      (sources) => { if (live) setFound({ of, sources }); },
      (error: Problem) => { if (live) setFound({ of, error }); },
    );
    return () => { live = false; };
  }, [of]);
  if (found.of !== of) return <Empty>Loading the sources…</Empty>;
  if (!found.sources) return <Trouble of={found.error} />;
  const [mine, theirs] = found.sources.map((lines) => lines.split("\n")) as [string[], string[]];
  const lines = changes(diff(mine, theirs));
  if (!lines.some((line) => line)) return <Empty>The sources are equal.</Empty>;
  return (
    <>
      <p>Lines of the source of this circuit only (−), and of the other only (+):</p>
      <pre class="diff" role="region" aria-label="Difference of the sources" tabIndex={0}>
        {lines.map((line) => {
          if (!line) return <span>⋯</span>;
          if (line.kind === "gone") return <del>− {line.text}</del>;
          return line.kind === "new" ? <ins>+ {line.text}</ins> : <span>{"  "}{line.text}</span>;
        })}
      </pre>
    </>
  );
}

async function source(of: Circuit): Promise<string> {
  const file = of.artifacts[SOURCE];
  const refuse = (why: string) => new Problem(0, "not_compared", `The sources are not compared: ${short(of.circuitId)} ${why}.`, []);
  if (!file || !("url" in file)) throw refuse(`has no ${SOURCE}`);
  if (file.size > LONGEST) throw refuse(`has a source of ${bytes(file.size)}, more than ${bytes(LONGEST)}`);
  return getText(file.url);
}
