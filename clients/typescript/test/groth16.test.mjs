import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, NoSuchCircuitError, configure, groth16 } from "../dist/esm/index.js";
import { FILES, SERVER } from "./support.mjs";

const wasm = join(FILES, "circuit.wasm");
const zkey = join(FILES, "proving_key.zkey");
const key = JSON.parse(await readFile(join(FILES, "verification_key.json"), "utf8"));
const snarkjs = () => import(process.env.ZKFLOW_SNARKJS);

after(async () => (await globalThis.curve_bn128?.terminate?.()));

test("each verifies what the other proves, from paths, bytes and files in memory", async () => {
  const other = await snarkjs();
  const bytes = [new Uint8Array(await readFile(wasm)), new Uint8Array(await readFile(zkey))];
  for (const files of [[wasm, zkey], bytes, bytes.map((data) => ({ type: "mem", data }))]) {
    const { proof, publicSignals } = await groth16.fullProve({ age: 42, randomPublicSignal: "0x7" }, ...files);
    assert.deepEqual(publicSignals, ["7"]);
    assert.equal(await groth16.verify(key, publicSignals, proof), true);
    assert.equal(await groth16.verify(key, ["8"], proof), false);
    const said = [];
    const logger = { info: () => said.push("valid"), error: () => said.push("not valid") };
    for (const signal of ["7", "8"]) await groth16.verify(key, [signal], proof, logger);
    assert.deepEqual(said, ["valid", "not valid"]);
    assert.equal(await other.groth16.verify(key, publicSignals, proof), true);
  }
  const theirs = await other.groth16.fullProve({ age: 42n, randomPublicSignal: -1 }, wasm, zkey);
  assert.equal(await groth16.verify(key, theirs.publicSignals, theirs.proof), true);
  const ours = await groth16.fullProve({ age: 42n, randomPublicSignal: -1 }, wasm, zkey);
  assert.deepEqual(ours.publicSignals, theirs.publicSignals);
  assert.deepEqual(Object.keys(ours.proof).sort(), Object.keys(theirs.proof).sort());
});

test("files that the server does not have are an error, or proved by the fallback", async () => {
  const [module, other] = [new Uint8Array(await readFile(wasm)), new Uint8Array(await readFile(zkey))];
  other[other.length - 1] ^= 1;
  await assert.rejects(groth16.fullProve({ age: 42, randomPublicSignal: 7 }, module, other), NoSuchCircuitError);
  await assert.rejects(groth16.verify({ ...key, nPublic: 2 }, ["7"], {}), { code: "no_such_circuit" });

  let asked = 0;
  const fallback = () => (asked++, snarkjs());
  configure({ client: new Client("http://127.0.0.1:9", { retries: 0 }), fallback });
  let said = 0;
  const logger = { debug: () => said++, info: () => said++, warn() {}, error() {} };
  const { proof, publicSignals } = await groth16.fullProve({ age: 42, randomPublicSignal: 7 }, wasm, zkey, logger, {}, { singleThread: true });
  assert.ok(said > 0, "the fallback has no logger");
  assert.equal(await groth16.verify(key, publicSignals, proof), true);
  assert.equal(asked, 1);

  configure({ client: new Client(SERVER) });
  assert.equal(await groth16.verify(key, publicSignals, proof), true);
  // Inputs that do not satisfy the circuit are an error, and no reason to prove in the browser.
  await assert.rejects(groth16.fullProve({ age: 17, randomPublicSignal: 7 }, wasm, zkey), { code: "constraint_failed" });
});
