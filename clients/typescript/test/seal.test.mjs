import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client, FailedError, RefusedError, sealInputs } from "../dist/esm/index.js";
import { sealWith } from "../dist/esm/seal.js";
import { CIRCUIT, SERVER, inputs } from "./support.mjs";

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
