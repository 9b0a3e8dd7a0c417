// Calls of operators and contributors by their types. It is compiled, and not run.
import { Client, type JobConditions } from "../src/index.js";

export async function calls(client: Client, ids: readonly string[], ceremonyId: string): Promise<unknown> {
  const conditions: JobConditions = { state: "failed", errorCode: "panic" };
  const retried = await client.jobs.retry("key-generation", conditions);
  if (retried.nextCursor !== undefined) await client.jobs.retry("key-generation", { ...conditions, cursor: retried.nextCursor });
  await client.jobs.delete("deploy", ids);
  await client.jobs.purge("deploy", ids);
  await client.jobs.purge("deploy", "all");
  // @ts-expect-error: a condition that is not set is found
  await client.jobs.delete("deploy", { state: "failed", errorCode: undefined });
  // @ts-expect-error: one without a value too
  await client.jobs.delete("deploy", { state: "failed", errorCode: null });
  // @ts-expect-error: an unknown queue is found
  await client.queues.pause("deployments");
  // @ts-expect-error: what is purged must be said
  await client.jobs.purge("deploy");

  const { token } = await client.ceremonies.join(ceremonyId);
  const turn = await client.ceremonies.takeTurn(ceremonyId, token);
  if (turn.state === "turn") return turn.until;
  // @ts-expect-error: an unknown file is found
  await client.ceremonies.file(ceremonyId, "circuit.wasm");
  const page = await client.get<{ keys: string[] }>("/v1/keys", { tenant: "acme" });
  return page.keys;
}
