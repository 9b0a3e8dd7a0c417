import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client, FailedError, RefusedError, configure, groth16, sealInputs } from "../dist/esm/index.js";
import { sealWith } from "../dist/esm/seal.js";
import { join } from "node:path";
import { CIRCUIT, FILES, SERVER, inputs, network } from "./support.mjs";

const { vectors } = JSON.parse(await readFile(new URL("../../../docs/sealed-inputs.json", import.meta.url), "utf8"));
const client = new Client(SERVER);

/** A key pair of X25519 from its halves in hexadecimal. */
async function pair(privateKey, publicKey) {
  const url = (digits) => Buffer.from(digits, "hex").toString("base64url");
  const algorithm = { name: "X25519" };
  const jwk = { kty: "OKP", crv: "X25519", d: url(privateKey), x: url(publicKey) };
  return {
    privateKey: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["deriveBits"]),
    publicKey: await crypto.subtle.importKey("raw", Buffer.from(publicKey, "hex"), algorithm, true, []),
  };
}

test("the documented vectors come out", async () => {
  assert.ok(vectors.length >= 3);
  for (const { ephemeralPrivateKey, ephemeralPublicKey, key, circuitId, userId, inputs, sealedInputs } of vectors) {
    const ephemeral = await pair(ephemeralPrivateKey, ephemeralPublicKey);
    const given = userId === undefined ? inputs : { ...inputs, userId };
    assert.equal(await sealWith(ephemeral, key, circuitId, given), sealedInputs);
  }
});

test("sealed inputs give a proof, and the request shows none of them", async () => {
  let body;
  const watched = new Client(SERVER, {
    fetch: (url, init) => {
      body = init.body ?? body;
      return fetch(url, init);
    },
  });
  const { publicSignals } = await watched.prove(CIRCUIT, { ...inputs("101"), userId: "ann" }, { seal: true });
  assert.deepEqual(publicSignals, ["7"]);
  assert.deepEqual(Object.keys(JSON.parse(body)).sort(), ["circuitId", "sealedInputs", "userId"]);
  const key = await client.sealingKey();
  assert.deepEqual((await client.prove(CIRCUIT, inputs(), { seal: key })).publicSignals, ["7"]);
  assert.notEqual(await sealInputs(key, CIRCUIT, inputs()), await sealInputs(key, CIRCUIT, inputs()));
});

test("fullProve seals its inputs unless the settings or the options of a call say otherwise", async () => {
  const bodies = [];
  const watched = new Client(SERVER, {
    fetch: (url, init) => {
      if (init.body !== undefined) bodies.push(Object.keys(JSON.parse(init.body)).sort());
      return fetch(url, init);
    },
  });
  const prove = (options) => {
    const files = [join(FILES, "circuit.wasm"), join(FILES, "proving_key.zkey")];
    return groth16.fullProve({ age: 42, randomPublicSignal: 7 }, ...files, undefined, undefined, undefined, options);
  };
  configure({ client: watched });
  for (const options of [undefined, { seal: true }, { seal: false }]) {
    assert.deepEqual((await prove(options)).publicSignals, ["7"]);
  }
  configure({ seal: false });
  assert.deepEqual((await prove()).publicSignals, ["7"]);
  configure({ seal: undefined });
  const [sealed, open] = [["circuitId", "sealedInputs"], ["circuitId", "privateInputs", "publicInputs"]];
  assert.deepEqual(bodies, [sealed, sealed, open, open]);
});

test("`if-offered` sends open inputs to a server without a key, and `true` does not", async () => {
  for (const [status, offered] of [[404, true], [500, false]]) {
    const net = await network((request) => (request.url === "/v1/sealing-key" ? status : undefined));
    const other = new Client(net.url);
    await assert.rejects(other.prove(CIRCUIT, inputs(), { seal: true }), { status });
    const made = other.prove(CIRCUIT, inputs(), { seal: "if-offered" });
    if (offered) assert.deepEqual((await made).publicSignals, ["7"]);
    else await assert.rejects(made, { status });
    net.close();
  }
});

test("inputs that are sealed once are repeated under their key", async () => {
  const idempotencyKey = `sealed-${Date.now()}`;
  const userId = "ann";
  const sealed = await client.sealInputs(CIRCUIT, { ...inputs(), userId });
  assert.deepEqual(Object.keys(sealed), ["sealedInputs", "userId"]);
  const id = await client.requestProof(CIRCUIT, sealed, { idempotencyKey });
  assert.equal(await client.requestProof(CIRCUIT, sealed, { idempotencyKey, seal: true }), id);
  const again = client.requestProof(CIRCUIT, { ...inputs(), userId }, { idempotencyKey, seal: true });
  await assert.rejects(again, { code: "idempotency_key_reused" });
  assert.equal((await client.waitForProof(id)).status, "completed");
});

test("many requests are sealed together", async () => {
  const one = { circuitId: CIRCUIT, ...inputs() };
  const other = { circuitId: CIRCUIT, ...(await client.sealInputs(CIRCUIT, inputs("43"))) };
  const results = await client.requestProofs([one, other], { seal: "if-offered" });
  for (const { proofRequestId } of results) assert.equal((await client.waitForProof(proofRequestId)).status, "completed");
});

test("only an id of 32 hex digits is sealed for: another one would never open", async () => {
  for (const id of ["0123456789abcdef01234567", CIRCUIT.toUpperCase(), ""]) {
    await assert.rejects(client.sealInputs(id, inputs()), TypeError);
    await assert.rejects(client.prove(id, inputs(), { seal: "if-offered" }), TypeError);
  }
});

test("sealed inputs that do not fit fail later, with the code of open ones", async () => {
  await assert.rejects(client.prove(CIRCUIT, { privateInputs: { age: 42, other: 1 } }, { seal: true }), (error) => {
    assert.ok(error instanceof FailedError);
    assert.equal(error.code, "invalid_inputs");
    return true;
  });
  // For another circuit or user they do not open.
  const key = await client.sealingKey();
  await assert.rejects(client.prove(CIRCUIT, inputs(), { seal: { ...key, tenant: "other" } }), (error) => {
    assert.ok(error instanceof FailedError);
    assert.equal(error.code, "inputs_altered");
    return true;
  });
});

test("a key that is none, or of another suite, is refused before anything is sent", async () => {
  const key = await client.sealingKey();
  for (const wrong of [{ keyId: "0".repeat(16) }, { publicKey: "x" }, { suite: "other" }, { format: 5 }]) {
    await assert.rejects(client.prove(CIRCUIT, inputs(), { seal: { ...key, ...wrong } }), (error) => {
      return !(error instanceof RefusedError) && !(error instanceof FailedError);
    });
  }
});
