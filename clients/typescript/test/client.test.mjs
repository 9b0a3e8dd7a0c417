import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Client, FailedError, NoAnswerError, RefusedError, WaitExceededError } from "../dist/esm/index.js";
import { CIRCUIT, SERVER, inputs, network } from "./support.mjs";

const client = new Client(SERVER);

test("a circuit is built, proved, verified and its calldata read", async () => {
  const stages = [];
  const built = await client.build("rangeCheck", { min: 18, max: 120n, bits: "8" }, { onProgress: (c) => stages.push(c.status) });
  assert.equal(built.circuitId, CIRCUIT);
  assert.equal(stages.at(-1), "ready");
  assert.deepEqual(built.report.publicInputNames, ["randomPublicSignal"]);

  const seen = [];
  const { proof, publicSignals, request } = await client.prove(CIRCUIT, inputs(), { onProgress: (p) => seen.push(p.status) });
  assert.deepEqual(publicSignals, ["7"]);
  assert.equal(seen.at(-1), "completed");
  assert.deepEqual(await client.verify(CIRCUIT, { proof, publicSignals }), { verified: true });
  const wrong = await client.verify(CIRCUIT, { proof, publicSignals: ["8"] });
  assert.equal(wrong.verified, false);
  assert.match(wrong.reason, /not valid/);
  assert.match(await client.calldata(request.proofRequestId), /^\["0x/);
});

test("an address that is none is refused before any request", () => {
  for (const base of ["nonsense", "localhost:3000", "127.0.0.1:3000", "", "/zkflow", "file:///etc"]) {
    assert.throws(() => new Client(base), { name: "TypeError", message: /such as http:/ }, base);
  }
  assert.ok(new Client(new URL("HTTP://localhost:3000/zkflow/")));
});

test("an answer that is cut off, or stalls, is asked for again", async () => {
  let asked = 0;
  const server = createServer((_, answer) => {
    asked += 1;
    const text = JSON.stringify({ templates: [] });
    answer.writeHead(200, { "content-type": "application/json", "content-length": String(text.length) });
    if (asked === 3) return answer.end(text);
    answer.write(text.slice(0, 5));
    if (asked === 1) setTimeout(() => answer.destroy(), 20);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${server.address().port}`;
  const kept = new AbortController();
  assert.deepEqual(await new Client(base, { timeout: 1 }).templates({ signal: kept.signal }), []);
  assert.equal(asked, 3);
  asked = 0;
  await assert.rejects(new Client(base, { timeout: 1, retries: 0 }).templates(), NoAnswerError);
  server.closeAllConnections();
  server.close();
});

test("an answer that is not JSON is not asked for again; an empty one has no value", async (context) => {
  let asked = 0;
  const server = createServer((request, answer) => {
    asked += 1;
    if (request.method === "PUT") return answer.writeHead(204).end();
    answer.writeHead(200, { "content-type": "text/html" }).end("<p>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const other = new Client(`http://127.0.0.1:${server.address().port}`);
  await assert.rejects(other.templates(), (error) => {
    assert.ok(error instanceof RefusedError && error.code === "not_json" && error.message.includes("text/html"), String(error));
    return true;
  });
  assert.equal(asked, 1);
  assert.equal(await other.put("/v1/x", {}), undefined);
});

test("the CommonJS build has the same exports", async () => {
  const common = createRequire(import.meta.url)("../dist/cjs/index.js");
  const modules = await import("../dist/esm/index.js");
  assert.deepEqual(Object.keys(common).sort(), Object.keys(modules).sort());
  assert.equal((await new common.Client(SERVER).circuit(CIRCUIT)).status, "ready");
});

test("integers are exact, and a number that is not is refused before it is sent", async () => {
  const large = 2n ** 53n + 1n;
  const given = { privateInputs: { age: 42n }, publicInputs: { randomPublicSignal: large } };
  assert.deepEqual((await client.prove(CIRCUIT, given)).publicSignals, [large.toString()]);
  const inexact = { privateInputs: { age: 42 }, publicInputs: { randomPublicSignal: 2 ** 53 } };
  await assert.rejects(client.prove(CIRCUIT, inexact), RangeError);
});

test("errors carry the server's codes", async () => {
  await assert.rejects(client.circuit("0".repeat(32)), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.deepEqual([error.status, error.code], [404, "circuit_not_found"]);
    assert.ok(error.requestId);
    return true;
  });
  await assert.rejects(client.prove(CIRCUIT, { privateInputs: { age: 42, other: 1 } }), (error) => {
    assert.equal(error.code, "invalid_inputs");
    assert.ok(error.errors.some((fault) => fault.path === "privateInputs.other"));
    return true;
  });
  await assert.rejects(client.prove(CIRCUIT, inputs("17")), (error) => {
    assert.ok(error instanceof FailedError);
    assert.deepEqual([error.code, error.document.status], ["constraint_failed", "failed"]);
    return true;
  });
  const nowhere = new Client("http://127.0.0.1:9", { retries: 1 });
  await assert.rejects(nowhere.templates(), (error) => error instanceof NoAnswerError && error.code === "no_answer");
});

test("a repeated key gives the same request, another body is refused", async () => {
  const idempotencyKey = `test-${Date.now()}`;
  const id = await client.requestProof(CIRCUIT, inputs(), { idempotencyKey });
  assert.equal(await client.requestProof(CIRCUIT, inputs(), { idempotencyKey }), id);
  await assert.rejects(client.requestProof(CIRCUIT, inputs("43"), { idempotencyKey }), { code: "idempotency_key_reused" });
});

test("lists, filters, cancel and delete", async () => {
  const userId = `user-${Date.now()}`;
  const made = [];
  for (const age of ["20", "21", "22"]) made.push((await client.prove(CIRCUIT, { ...inputs(age), userId })).request.proofRequestId);
  const first = await client.proofs({ userId, limit: 2 });
  assert.deepEqual(first.proofs.map((proof) => proof.proofRequestId), [made[2], made[1]]);
  const second = await client.proofs({ userId, limit: 2, cursor: first.nextCursor });
  assert.deepEqual(second.proofs.map((proof) => proof.proofRequestId), [made[0]]);
  await assert.rejects(client.cancelProof(made[0]), { code: "proof_final" });
  await client.deleteProof(made[0]);
  await assert.rejects(client.proof(made[0]), { code: "proof_not_found" });
  await assert.rejects(client.deleteCircuit("0".repeat(32)), { code: "circuit_not_found" });
  const template = await client.template("rangeCheck");
  assert.ok((await client.templates()).some((one) => one.name === template.name));
  assert.deepEqual((await client.deployments(CIRCUIT)).deployments, []);
});

test("many proofs are requested and verified together", async () => {
  const of = (circuitId, age) => ({ circuitId, ...inputs(age) });
  const [one, refused, other] = await client.requestProofs([of(CIRCUIT, "42"), of("0".repeat(32), "42"), of(CIRCUIT, "43")]);
  assert.equal(refused.proofRequestId, undefined);
  assert.equal(refused.problem.code, "circuit_not_found");
  const proofs = [];
  for (const { proofRequestId } of [one, other]) {
    const { artifacts } = await client.waitForProof(proofRequestId);
    proofs.push({ proof: artifacts.proof, publicSignals: artifacts.publicSignals });
  }
  const verdicts = await client.verifyAll(CIRCUIT, [proofs[0], { ...proofs[1], publicSignals: ["8"] }, proofs[1]]);
  assert.deepEqual(verdicts.map((verdict) => verdict.verified), [true, false, true]);
  const idempotencyKey = `many-${Date.now()}`;
  const asked = () => client.requestProofs([of(CIRCUIT, "42")], { idempotencyKey });
  assert.deepEqual(await asked(), await asked());
  await assert.rejects(client.requestProofs([]), { code: "invalid_body" });
});

test("a file is found by its digest", async () => {
  const circuit = await client.circuit(CIRCUIT);
  const found = await client.circuitWithFile(circuit.artifacts["proving_key.zkey"].sha256);
  assert.equal(found.circuitId, CIRCUIT);
  assert.equal(await client.circuitWithFile("0".repeat(64)), undefined);
  const file = await client.file(CIRCUIT, "verification_key.json");
  assert.equal((await file.json()).protocol, "groth16");
});

test("an aborted call is rejected with the reason of its signal", async () => {
  await assert.rejects(client.prove(CIRCUIT, inputs(), { signal: AbortSignal.abort("no more") }), (error) => error === "no more");
  const late = new AbortController();
  const proving = client.prove(CIRCUIT, inputs(), { signal: late.signal, onProgress: () => late.abort("enough") });
  await assert.rejects(proving, (error) => error === "enough");
});

test("a lost answer is repeated under the same key, so that there is one request", async () => {
  const net = await network((request, count) => (request.method === "POST" && count === 1 ? "drop" : undefined));
  const userId = `lost-${Date.now()}`;
  await new Client(net.url).prove(CIRCUIT, { ...inputs(), userId });
  net.close();
  const posts = net.seen.filter((request) => request.method === "POST");
  assert.equal(posts.length, 2);
  assert.equal(posts[0].headers["idempotency-key"], posts[1].headers["idempotency-key"]);
  assert.equal((await client.proofs({ userId })).proofs.length, 1);
});

test("overload is waited for; a deletion is not repeated", async () => {
  const net = await network((_, count) => (count <= 2 ? 503 : undefined));
  assert.equal((await new Client(net.url).circuit(CIRCUIT)).circuitId, CIRCUIT);
  assert.equal(net.seen.length, 3);
  net.close();
  const broken = await network(() => 503);
  await assert.rejects(new Client(broken.url).deleteProof("x"), { status: 503 });
  assert.equal(broken.seen.length, 1);
  await assert.rejects(new Client(broken.url, { retries: 2 }).templates(), { status: 503 });
  assert.equal(broken.seen.length, 4);
  broken.close();
});

test("without event streams, the client polls", async () => {
  const net = await network((request) => (request.url.endsWith("/events") ? 429 : undefined));
  const { publicSignals } = await new Client(net.url).prove(CIRCUIT, inputs());
  assert.deepEqual(publicSignals, ["7"]);
  assert.ok(net.seen.some((request) => request.url.includes("?wait=")));
  net.close();
});

test("a stream that breaks is continued after its last event", async () => {
  const net = await network((request) => (request.url.endsWith("/events") ? "cut" : undefined));
  const states = [];
  const { request } = await new Client(net.url).prove(CIRCUIT, inputs(), { onProgress: (p) => states.push(p.status) });
  assert.equal(request.status, "completed");
  assert.equal(states.at(-1), "completed");
  net.close();
});

test("waiting ends after the given time, and the work goes on", async () => {
  const net = await network((request) => (request.url.includes("/events") || request.url.includes("wait") ? 500 : undefined));
  const waiting = new Client(net.url, { retries: 0 });
  await assert.rejects(waiting.prove(CIRCUIT, inputs()), { status: 500 });
  net.close();
  const id = await client.requestProof(CIRCUIT, inputs());
  const outcome = await client.waitForProof(id, { wait: 0.001 }).catch((error) => error);
  assert.ok(outcome.status === "completed" || outcome instanceof WaitExceededError, String(outcome));
  assert.equal((await client.waitForProof(id)).status, "completed");
});

test("the token is sent as a bearer token", async () => {
  const net = await network();
  await new Client(net.url, { apiKey: "zkf_secret" }).templates();
  assert.equal(net.seen[0].headers.authorization, "Bearer zkf_secret");
  await new Client(net.url, { apiKey: "zkf_secret\n" }).templates();
  assert.equal(net.seen[1].headers.authorization, "Bearer zkf_secret");
  await assert.rejects(new Client(net.url, { apiKey: "zkf_\nsecret" }).templates(), (error) => {
    assert.ok(error instanceof TypeError && !error.message.includes("secret"), String(error));
    return true;
  });
  assert.equal(net.seen.length, 2);
  net.close();
});
