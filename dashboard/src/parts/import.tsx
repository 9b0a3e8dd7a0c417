// The form that imports a circuit from files.
import { useState } from "preact/hooks";
import { Problem } from "../api";
import { Choose, Field, Section, Table, Trouble } from "./basic";
import type { Chosen } from "../upload";
import { go } from "../route";
import type { FileRole, Upload } from "../types";
import { bytes } from "../format";

/** Endings of the files that a circuit can consist of. */
const ENDINGS = ".circom,.zip,.tar,.tar.gz,.tgz,.r1cs,.wasm,.sym,.zkey,.ptau,.json";

export function Import() {
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [main, setMain] = useState("");
  const [level, setLevel] = useState("O1");
  const [powers, setPowers] = useState(false);
  const [upload, setUpload] = useState<Upload>();
  const [now, setNow] = useState<{ doing: string; done: number }>();
  const [problem, setProblem] = useState<Problem>();
  const sources = chosen.filter(({ role }) => role === "source").map(({ path }) => path!);
  const total = chosen.reduce((sum, { file }) => sum + file.size, 0);
  const archive = chosen.some(({ role }) => role === "source_archive");
  const has = (wanted: string) => chosen.some(({ role }) => role === wanted);
  const missing = [
    ...(sources.length || archive ? [] : ["r1cs", "wasm", "sym"].filter((part) => !has(part)).map((part) => `.${part}`)),
    ...((has("verification_key") || has("transcript")) && !has("zkey") ? [".zkey"] : []),
  ];

  const take = (files: File[]) => {
    const next = [...chosen];
    const unknown = [];
    for (const file of files) {
      const of = role(file.name);
      if (!of) {
        unknown.push(file.name);
        continue;
      }
      const path = of === "source" ? file.name : undefined;
      const same = next.findIndex((one) => one.role === of && one.path === path);
      if (same >= 0) next.splice(same, 1);
      next.push({ file, role: of, ...(path ? { path } : {}) });
    }
    setChosen(next);
    setUpload(undefined);
    setProblem(unknown.length ? new Problem(0, "unknown_file", `${unknown.join(", ")}: expected a name that ends with ${ENDINGS.replaceAll(",", " ")}`, []) : undefined);
  };
  const remove = (one: Chosen) => {
    setChosen(chosen.filter((other) => other !== one));
    setUpload(undefined);
    if (one.path === main || one.role === "source_archive") setMain("");
  };
  const send = async (event: Event) => {
    event.preventDefault();
    const step = (doing: string) => (bytes: number) => setNow((now) => ({ doing, done: (now?.doing === doing ? now.done : 0) + bytes }));
    try {
      setProblem(undefined);
      // Its hash function is loaded when it is needed.
      const { declare, fill, request } = await import("../upload");
      const declared = upload ?? await declare(chosen, step("Reading"));
      setUpload(declared);
      await fill(declared, chosen, step("Sending"));
      const circuit = await request(declared, {
        ...(sources.length || archive ? { main: main || sources[0]!, simplification: level } : {}),
        ...(powers && has("zkey") ? { powers: "configured" } : {}),
      });
      go(`/circuits/${circuit.circuitId}`);
    } catch (found) {
      setProblem(found instanceof Problem ? found : new Problem(0, "unreadable_file", `a file cannot be read: ${(found as Error).message}`, []));
    } finally {
      setNow(undefined);
    }
  };
  return (
    <Section title="Import a circuit">
      <form onSubmit={(event) => void send(event)}>
        <p>From its source, or from its files and keys. The server makes what is missing, and checks what is there.</p>
        <Choose label="Files: .circom or an archive of them, .r1cs .wasm .sym .zkey .ptau, verification key .json, ceremony.json" accept={ENDINGS.replace(".tar.gz", ".gz")} take={take} />
        {chosen.length > 0 && (
          <Table label="Files to import" head={["File", "Is", "Size", ""]}>
            {chosen.map((one) => (
              <tr key={`${one.role} ${one.path ?? ""}`}>
                <td>{one.path ?? one.file.name}</td><td>{one.role.replaceAll("_", " ")}</td><td>{bytes(one.file.size)}</td>
                <td><button type="button" class="small" aria-label={`Remove ${one.path ?? one.file.name}`} onClick={() => remove(one)}>Remove</button></td>
              </tr>
            ))}
          </Table>
        )}
        {(sources.length > 0 || archive) && (
          <div class="filters">
            {archive
              ? <Field label="Main file in the archive">{(id) => <input id={id} required value={main} placeholder="circuits/main.circom" onInput={(event) => setMain(event.currentTarget.value)} />}</Field>
              : <Field label="Main file">{(id) => <select id={id} value={main || sources[0]} onChange={(event) => setMain(event.currentTarget.value)}>{sources.map((path) => <option key={path}>{path}</option>)}</select>}</Field>}
            <Field label="Simplification">{(id) => <select id={id} value={level} onChange={(event) => setLevel(event.currentTarget.value)}>{["O0", "O1", "O2"].map((name) => <option key={name}>{name}</option>)}</select>}</Field>
          </div>
        )}
        {has("zkey") && !has("ptau") && <label class="check"><input type="checkbox" checked={powers} onChange={(event) => setPowers(event.currentTarget.checked)} /> Verify the key with the powers of tau of the server. Otherwise its label is only claimed</label>}
        {chosen.length > 0 && missing.length > 0 && <p class="dull">Missing: {missing.join(", ")}{sources.length || archive ? "" : ", or the source"}.</p>}
        <Trouble of={problem} />
        <div class="row">
          <button type="submit" disabled={chosen.length === 0 || missing.length > 0 || now !== undefined}>{upload ? "Continue" : "Import"}</button>
          {now && <span role="status">{now.doing} {bytes(now.done)} of {bytes(total)}</span>}
        </div>
      </form>
    </Section>
  );
}

/** Role of a file by the end of its name; `null` for others. */
function role(name: string): FileRole | null {
  const roles: [string, FileRole][] = [
    [".circom", "source"], [".zip", "source_archive"], [".tar", "source_archive"], [".tar.gz", "source_archive"], [".tgz", "source_archive"],
    [".r1cs", "r1cs"], [".wasm", "wasm"], [".sym", "sym"], [".zkey", "zkey"], [".ptau", "ptau"], ["ceremony.json", "transcript"], [".json", "verification_key"],
  ];
  return roles.find(([end]) => name.toLowerCase().endsWith(end))?.[1] ?? null;
}
