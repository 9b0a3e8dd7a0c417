// Calls of operators: jobs, queues and the overview.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, FailedError } from "../dist/esm/index.js";
import { CIRCUIT, SERVER, inputs, network } from "./support.mjs";

const client = new Client(SERVER);
const QUEUE = "proof-generation";

/** The ids of proofs of one user that have failed, in order. */
async function failed(userId, number) {
  const ids = [];
  while (ids.length < number) {
    const id = await client.requestProof(CIRCUIT, { ...inputs("17"), userId });
    await assert.rejects(client.waitForProof(id), FailedError);
    ids.push(id);
  }
  return ids;
}

test("failed jobs are listed, and chosen by their subjects", async () => {
  const [one, other] = await failed("jobs", 2);
  const { jobs } = await client.jobs.list({ queue: QUEUE, state: "failed", limit: 2 });
  assert.deepEqual(jobs.map((job) => job.subject), [other, one]);
  assert.deepEqual([jobs[0].error.code, jobs[0].retryable], ["constraint_failed", false]);

  const retried = await client.jobs.retry(QUEUE, [one, "nothing"]);
  assert.deepEqual(retried.results.map(({ subject, outcome }) => [subject, outcome]), [[one, "inputs_destroyed"], ["nothing", "not_found"]]);
  assert.equal(retried.retried, 0);
  assert.equal((await client.jobs.delete(QUEUE, [one])).deleted, 1);
  await assert.rejects(client.proof(one), { code: "proof_not_found" });
  assert.equal((await client.proof(other)).status, "failed");
});

test("failed jobs are chosen by conditions; a condition without a value is refused before it is sent", async (context) => {
  const [kept, gone] = await failed("conditions", 2);
  const matching = { state: "failed", errorCode: "constraint_failed", containing: gone };
  assert.deepEqual((await client.jobs.list({ queue: QUEUE, ...matching })).jobs.map((job) => job.subject), [gone]);
  assert.deepEqual((await client.jobs.retry(QUEUE, matching)).results.map((one) => one.outcome), ["inputs_destroyed"]);
  const net = await network();
  context.after(net.close);
  const counted = new Client(net.url).jobs;
  for (const change of ["retry", "delete"]) {
    await assert.rejects(counted[change](QUEUE, { ...matching, containing: undefined }), TypeError);
  }
  await assert.rejects(counted.purge(QUEUE), TypeError);
  assert.deepEqual(net.seen, []);
  assert.equal((await client.jobs.delete(QUEUE, matching)).deleted, 1);
  await assert.rejects(client.proof(gone), { code: "proof_not_found" });
  assert.equal((await client.proof(kept)).status, "failed");
  await assert.rejects(client.jobs.delete(QUEUE, { state: "lost" }), { code: "invalid_body" });
});

test("dead letters are removed by subjects, by queue and by time", async () => {
  assert.deepEqual(await client.jobs.purge(QUEUE, ["nothing"]), { removed: 0 });
  assert.deepEqual(await client.jobs.purge(QUEUE, "all"), { removed: 0 });
  assert.deepEqual(await client.jobs.purgeBefore("2026-01-01T00:00:00Z"), { removed: 0 });
  await assert.rejects(client.jobs.purgeBefore("yesterday"), { code: "invalid_body" });
});

test("changes of jobs are sent once", async (context) => {
  const net = await network(() => "drop");
  context.after(net.close);
  const { jobs } = new Client(net.url);
  const changes = [
    () => jobs.retry(QUEUE, ["nothing"]),
    () => jobs.delete(QUEUE, ["nothing"]),
    () => jobs.purge(QUEUE, ["nothing"]),
    () => jobs.purgeBefore("2026-01-01T00:00:00Z"),
  ];
  for (const change of changes) await assert.rejects(change(), { code: "no_answer" });
  assert.deepEqual(net.seen.map(({ url }) => url.replace("/v1/jobs/", "")), ["retry", "delete", "purge", "purge"]);
});

test("a queue is paused and resumed by calls that are repeated without an answer", async (context) => {
  const paused = async () => (await client.overview()).queues.find(({ queue }) => queue === "deploy").paused;
  const net = await network((_, count) => (count % 2 === 1 ? "drop" : undefined));
  context.after(net.close);
  const { queues } = new Client(net.url);
  assert.deepEqual(await queues.pause("deploy"), { queue: "deploy", paused: true });
  assert.equal(await paused(), true);
  assert.deepEqual(await queues.resume("deploy"), { queue: "deploy", paused: false });
  assert.equal(await paused(), false);
  assert.equal(net.seen.length, 4);
});
