// A ceremony on a server with powers of tau: announced, joined, contributed to, and deleted.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { Client } from "../dist/esm/index.js";
import { CIRCUIT, SERVER, network } from "./support.mjs";

const snarkjs = await import(process.env.ZKFLOW_SNARKJS);
const client = new Client(SERVER);
const { ceremonies } = client;
after(async () => await globalThis.curve_bn128?.terminate?.());

const later = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Asks until the answer has this value in a field. */
async function until(ask, field, value) {
  for (;;) {
    const answer = await ask();
    if (answer[field] === value) return answer;
    assert.match(answer[field], /^(pending|waiting|verifying)$/, JSON.stringify(answer));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** An open ceremony. */
async function announced(through = ceremonies) {
  const made = await through.create({
    circuitId: CIRCUIT,
    minContributions: 1,
    deadline: later(1),
    turnSeconds: 600,
    beacon: { source: "a block", exponent: 10, at: later(2) },
  });
  return await until(() => ceremonies.get(made.ceremonyId), "status", "open");
}

test("a contributor joins, takes the turn, sends a key and is accepted", async () => {
  const { ceremonyId: id, key } = await announced();
  const { place, token } = await ceremonies.join(id);
  assert.equal(place, 1);
  assert.equal((await ceremonies.takeTurn(id, token)).state, "turn");

  const present = new Uint8Array(await (await ceremonies.file(id, "proving_key.zkey")).arrayBuffer());
  assert.deepEqual([present.length, sha256(present)], [key.size, key.sha256]);
  const piece = await ceremonies.file(id, "proving_key.zkey", { part: { start: 4, end: 12 } });
  assert.deepEqual(new Uint8Array(await piece.arrayBuffer()), present.subarray(4, 12));

  const made = { type: "mem" };
  await snarkjs.zKey.contribute({ type: "mem", data: present }, made, "ann", "entropy of a test");
  const bytes = made.data;
  const declared = { size: bytes.length, sha256: sha256(bytes) };
  const { missing, partBytes } = await ceremonies.declare(id, token, declared);
  assert.deepEqual(missing, [0]);
  assert.ok(bytes.length <= partBytes);
  await assert.rejects(ceremonies.submit(id, token), { code: "upload_incomplete" });
  await ceremonies.putPart(id, token, 0, bytes);
  assert.deepEqual((await ceremonies.declare(id, token, declared)).missing, []);
  assert.equal((await ceremonies.submit(id, token)).state, "verifying");
  const { contribution } = await until(() => ceremonies.takeTurn(id, token), "state", "accepted");
  assert.equal(contribution.name, "ann");

  const shown = await ceremonies.get(id);
  assert.deepEqual([shown.contributionCount, shown.key.sha256], [1, declared.sha256]);
  await assert.rejects(ceremonies.finish(id, "0x0a"), { code: "ceremony_not_due" });
  await ceremonies.delete(id);
  await assert.rejects(ceremonies.get(id), { code: "ceremony_not_found" });
});

test("a place is given back; another token has no place, and is in no error", async () => {
  const { ceremonyId: id } = await announced();
  const { token } = await ceremonies.join(id);
  await ceremonies.leave(id, token);
  assert.equal((await ceremonies.takeTurn(id, token)).state, "left");
  await assert.rejects(ceremonies.takeTurn(id, "another"), { code: "place_not_found" });
  await assert.rejects(ceremonies.takeTurn(id, "secret\ntext"), (error) => {
    assert.ok(error instanceof TypeError && !error.message.includes("secret"), String(error));
    return true;
  });
  const listed = await ceremonies.list({ status: "open", limit: 1 });
  assert.equal(listed.ceremonies[0].ceremonyId, id);
  await ceremonies.delete(id);
});

test("a lost answer to an announcement is repeated under one key; what a repetition would change is sent once", async (context) => {
  let lost = false;
  const net = await network((request) => {
    const drop = request.method !== "GET" && (request.url !== "/v1/ceremonies" || !lost);
    lost ||= drop;
    return drop ? "drop" : undefined;
  });
  context.after(net.close);
  const bad = new Client(net.url, { retries: 1 }).ceremonies;
  const { ceremonyId: id } = await announced(bad);
  const announcements = net.seen.splice(0).filter(({ method }) => method === "POST");
  assert.equal(announcements.length, 2);
  assert.equal(announcements[0].headers["idempotency-key"], announcements[1].headers["idempotency-key"]);

  const { token } = await ceremonies.join(id);
  const turn = { join: () => bad.join(id), submit: () => bad.submit(id, token), finish: () => bad.finish(id, "0a") };
  for (const call of Object.values(turn)) await assert.rejects(call(), { code: "no_answer" });
  await assert.rejects(bad.delete(id), { code: "no_answer" });
  assert.equal(net.seen.length, 4);
  await assert.rejects(bad.takeTurn(id, token), { code: "no_answer" });
  assert.equal(net.seen.length, 6);
  await assert.rejects(ceremonies.get(id), { code: "ceremony_not_found" });
});
