// Calls that change nothing twice, and calls of routes that have no method.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../dist/esm/index.js";
import { CIRCUIT, SERVER, inputs, network } from "./support.mjs";

const client = new Client(SERVER);

test("a contract is bound by a call that is repeated", async (context) => {
  const net = await network((_, count) => (count === 1 ? "drop" : undefined));
  context.after(net.close);
  const contract = { chainId: 5, address: `0x${"11".repeat(20)}` };
  await assert.rejects(new Client(net.url).bindContract(CIRCUIT, contract), { code: "unknown_chain" });
  assert.deepEqual(net.seen.map(({ method, url }) => [method, url]), Array(2).fill(["POST", `/v1/circuits/${CIRCUIT}/deployments`]));
});

test("the use is counted by circuit and day", async () => {
  await client.prove(CIRCUIT, inputs());
  const { usage } = await client.usage({ circuitId: CIRCUIT, limit: 1 });
  assert.equal(usage[0].circuitId, CIRCUIT);
  assert.ok(usage[0].proofs > 0);
});

test("any route can be put to, and any document deleted", async () => {
  const { request } = await client.prove(CIRCUIT, inputs());
  await client.delete(`/v1/proofs/${request.proofRequestId}`);
  await assert.rejects(client.proof(request.proofRequestId), { code: "proof_not_found" });
  const sha256 = "0".repeat(64);
  const { uploadId } = await client.post("/v1/uploads", { files: [{ role: "r1cs", size: 1, sha256 }] });
  await assert.rejects(client.put(`/v1/uploads/${uploadId}/files/0/parts/0`, { too: "long" }), { code: "upload_part_length" });
  await client.delete(`/v1/uploads/${uploadId}`);
});

test("any route can be read and posted to, on this server only", async (context) => {
  const page = await client.get("/v1/circuits", { status: "ready", limit: 1, cursor: undefined });
  assert.equal(page.circuits[0].status, "ready");
  const body = { circuitId: CIRCUIT, ...inputs() };
  const net = await network((_, count) => (count === 1 ? "drop" : undefined));
  context.after(net.close);
  const taken = await new Client(net.url).post("/v1/proofs", body, { idempotencyKey: `routes-${Date.now()}` });
  assert.equal((await client.waitForProof(taken.proofRequestId)).status, "completed");
  assert.equal(net.seen.length, 2);

  const lost = await network(() => "drop");
  context.after(lost.close);
  const cancel = `/v1/proofs/${taken.proofRequestId}/cancel`;
  await assert.rejects(new Client(lost.url).post(cancel), { code: "no_answer" });
  assert.equal(lost.seen.length, 1);
  await assert.rejects(new Client(lost.url, { retries: 1 }).post(cancel, undefined, { repeatable: true }), { code: "no_answer" });
  assert.equal(lost.seen.length, 3);
  for (const path of ["@localhost/v1/circuits", "v1/circuits"]) await assert.rejects(client.get(path), TypeError);
});

test("what is not JSON is read as it is", async () => {
  assert.match(await (await client.read("/v1/usage", { format: "csv", limit: 1 })).text(), /,/);
  assert.match(await (await client.read("/metrics")).text(), /^#/);
  await assert.rejects(client.read("/v1/nowhere"), { code: "route_not_found" });
});

test("lists are walked page by page, from the given cursor on", async () => {
  const userId = `walk-${Date.now()}`;
  const results = await client.requestProofs([41, 42, 43].map((age) => ({ circuitId: CIRCUIT, ...inputs(age), userId })));
  const ids = results.map(({ proofRequestId }) => proofRequestId);
  const walked = async (query) => {
    const found = [];
    for await (const { proofRequestId } of client.eachProof({ userId, ...query })) found.push(proofRequestId);
    return found;
  };
  const all = await walked({ limit: 2 });
  assert.deepEqual([...all].sort(), ids.sort());
  const { nextCursor: cursor } = await client.proofs({ userId, limit: 1 });
  assert.deepEqual(await walked({ limit: 1, cursor }), all.slice(1));
  for await (const { circuitId } of client.eachCircuit({ limit: 1 })) {
    if (circuitId === CIRCUIT) break;
  }
  for await (const deployment of client.eachDeployment(CIRCUIT)) assert.fail(JSON.stringify(deployment));
  assert.equal((await client.waitForCircuit(CIRCUIT)).status, "ready");
});
