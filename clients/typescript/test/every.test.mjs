// Every route of the description has a call, or is reached by its path. No server is asked.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client } from "../dist/esm/index.js";

const { paths } = JSON.parse(await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8"));

/** Operations that `get`, `post`, `put`, `delete` and `read` reach. */
const BY_PATH = [
  "createKey",
  "deleteWebhooks",
  "endSession",
  "getKey",
  "getSession",
  "getWebhooks",
  "health",
  "listAuditLog",
  "listDeliveries",
  "listKeys",
  "listTenants",
  "metrics",
  "ready",
  "replayDelivery",
  "revokeKey",
  "rotateKey",
  "rotateWebhooks",
  "setWebhooks",
  "startSession",
];

const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, { operationId }]) => ({ method: method.toUpperCase(), path, id: operationId })),
);

/** The id of the operation that a request is of. */
function operationOf(method, path) {
  const given = path.split("/");
  const fits = (template) => {
    const parts = template.split("/");
    return parts.length === given.length && parts.every((part, at) => part.startsWith("{") || part === given[at]);
  };
  const of = operations.filter((one) => one.method === method);
  const found = of.find((one) => one.path === path) ?? of.find((one) => fits(one.path));
  assert.ok(found, `${method} ${path} is not in the description`);
  return found.id;
}

/** Makes every call. The answers are nearly empty, so some calls fail after their first request. */
async function callEverything(client) {
  const id = "0".repeat(32);
  const proof = { proof: {}, publicSignals: [] };
  const { jobs, queues, ceremonies } = client;
  const calls = [
    () => client.requestCircuit("t"),
    () => client.circuits(),
    () => client.circuit(id),
    () => client.followCircuit(id).next(),
    () => client.contract(id),
    () => client.file(id, "circuit.wasm"),
    () => client.deleteCircuit(id),
    () => client.createUpload([{ role: "r1cs", file: new Uint8Array(1) }]),
    () => client.upload(id),
    // Of one part: no URL is signed for it, so the server gets it.
    () => client.sendUpload(
      { uploadId: id, partBytes: 1, direct: true, files: [{ role: "r1cs", size: 1, missing: [0] }] },
      [{ role: "r1cs", file: new Uint8Array(1) }],
    ),
    () => client.deleteUpload(id),
    () => client.requestImport(id),
    () => client.requestProof(id, { privateInputs: {} }),
    () => client.requestProofs([]),
    () => client.proofs(),
    () => client.proof(id),
    () => client.followProof(id).next(),
    () => client.calldata(id),
    () => client.cancelProof(id),
    () => client.deleteProof(id),
    () => client.sealingKey(),
    () => client.verify(id, proof),
    () => client.requestDeployment(id, { chainId: 1, signer: "s" }),
    () => client.deployments(id),
    () => client.deployment(id, id),
    () => client.followDeployment(id, id).next(),
    () => client.bindContract(id, { chainId: 1, address: "0x" }),
    () => client.templates(),
    () => client.template("t"),
    () => jobs.list({ queue: "deploy", state: "failed" }),
    () => jobs.retry("deploy", [id]),
    () => jobs.delete("deploy", [id]),
    () => jobs.purge("deploy", "all"),
    () => queues.pause("deploy"),
    () => queues.resume("deploy"),
    () => client.overview(),
    () => client.usage(),
    () => ceremonies.list(),
    () => ceremonies.create({}),
    () => ceremonies.get(id),
    () => ceremonies.file(id, "ceremony.json"),
    () => ceremonies.finish(id, "0a"),
    () => ceremonies.delete(id),
    () => ceremonies.join(id),
    () => ceremonies.takeTurn(id, "token"),
    () => ceremonies.leave(id, "token"),
    () => ceremonies.declare(id, "token", { size: 1, sha256: id }),
    () => ceremonies.putPart(id, "token", 0, new Uint8Array(1)),
    () => ceremonies.submit(id, "token"),
  ];
  for (const call of calls) await call().catch(() => undefined);
}

test("every route has a call, or is reached by its path", async () => {
  const called = new Set();
  const note = async (url, { method }) => {
    called.add(operationOf(method, new URL(url).pathname));
    return new Response('{"parts":[]}', { headers: { "content-type": "application/json" } });
  };
  await callEverything(new Client("http://127.0.0.1:9", { fetch: note, retries: 0 }));
  const without = operations.map(({ id }) => id).filter((id) => !called.has(id));
  assert.deepEqual(without.sort(), BY_PATH);
});
