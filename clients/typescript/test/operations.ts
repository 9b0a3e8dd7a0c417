// Uses every operation of the API by the generated types. It is compiled, and not run: the types themselves must be of use.
import type { components, operations } from "../src/api.js";

type Operations = operations;
type Content<R> = R extends { content: infer C } ? C[keyof C] : undefined;
type Success = 200 | 201 | 202 | 204 | 206;
type Answer<O extends keyof Operations> = {
  [S in keyof Operations[O]["responses"]]: S extends Success ? Content<Operations[O]["responses"][S]> : never;
}[keyof Operations[O]["responses"]];
type Body<O extends keyof Operations> = Operations[O] extends { requestBody: { content: { "application/json": infer B } } }
  ? { body: B }
  : { body?: never };

/** Sends a request; only its types matter here. */
declare function call<O extends keyof Operations>(
  operation: O,
  request: Operations[O]["parameters"] & Body<O>,
): Promise<Answer<O>>;

type Schemas = components["schemas"];

export async function everyOperation(): Promise<void> {
  const none = {};
  const circuit = await call("createCircuit", {
    ...none,
    body: { templateName: "rangeCheck", params: { min: 18, max: "120", strict: true, values: [1, "2"] } },
  });
  const path = { circuitId: circuit.circuitId };
  if (circuit.status === "failed") console.log(circuit.error?.code === "circom_rejected", circuit.stage === "compile");
  // @ts-expect-error: a misspelt status is found
  if (circuit.status === "redy") return;
  const names: string[] = circuit.report?.publicInputNames ?? [];
  const ceremony = typeof circuit.provenance === "object" ? circuit.provenance.ceremony : circuit.provenance === "development";
  console.log(names, ceremony, circuit.params["min"], circuit.report?.warnings[0]?.kind === "unused_input");

  const page = await call("listCircuits", { query: { status: "ready", limit: 10, sha256: "0".repeat(64) } });
  await call("listCircuits", { query: page.nextCursor === undefined ? {} : { cursor: page.nextCursor } });
  // @ts-expect-error: an unknown status is found
  await call("listCircuits", { query: { status: "completed" } });
  const waited = await call("getCircuit", { path, query: { wait: 60 } });
  console.log(waited.artifacts["proving_key.zkey"]);
  await call("followCircuit", { path, header: { "Last-Event-ID": "3" } });
  await call("getArtifact", { path: { ...path, name: "proving_key.zkey" } });
  // @ts-expect-error: an unknown file is found
  await call("getArtifact", { path: { ...path, name: "proving.key" } });

  const privateInputs = { age: 42, siblings: ["1", 2, ["3", [4]]] };
  const taken = await call("createProof", {
    header: { "Idempotency-Key": "one" },
    body: { circuitId: circuit.circuitId, privateInputs, publicInputs: {}, userId: "ann" },
  });
  // @ts-expect-error: the object is closed
  await call("createProof", { body: { circuitId: "", privateInputs: {}, publicInputs: {}, user_id: "ann" } });
  const sealing: Schemas["SealingKey"] = await call("getSealingKey", {});
  console.log(sealing.publicKey, sealing.keyId, sealing.suite, sealing.format, sealing.tenant);
  await call("createProof", { body: { circuitId: circuit.circuitId, sealedInputs: "BAAA" } });
  const proofPath = { proofRequestId: taken.proofRequestId };
  const proof: Schemas["ProofRequest"] = await call("getProof", { path: proofPath });
  await call("listProofs", { query: { userId: "ann", status: "completed", circuitId: circuit.circuitId } });
  await call("listProofs", { query: { errorCode: "constraint_failed", since: "2027-01-01T00:00:00Z" } });
  // @ts-expect-error: an unknown code is found
  await call("listProofs", { query: { errorCode: "constraint" } });
  await call("followProof", { path: proofPath });
  const cancelled: "pending" | "completed" | "failed" | "cancelled" = (await call("cancelProof", { path: proofPath })).status;
  const calldata: string = (await call("getCalldata", { path: proofPath })).calldata;
  if (proof.artifacts === undefined) return;
  const { proof: made, publicSignals } = proof.artifacts;
  const protocol: "groth16" = made.protocol;
  const verdict = await call("verifyProof", { path, query: {}, body: { proof: made, publicSignals } });
  if ("verified" in verdict) console.log(verdict.verified, verdict.reason);
  const verdicts = await call("verifyProof", { path, query: {}, body: [{ proof: made, publicSignals }] });
  if (Array.isArray(verdicts)) console.log(verdicts[0]?.verified);
  console.log(cancelled, calldata, protocol, made.pi_b[0]?.[1]);
  const batch = await call("createProofs", {
    header: { "Idempotency-Key": "many" },
    body: { proofs: [{ circuitId: circuit.circuitId, privateInputs, publicInputs: {} }] },
  });
  for (const { proofRequestId, problem } of batch.results) console.log(proofRequestId ?? problem?.code);

  const asked = await call("deployContract", { path, body: { chainId: 31337, signer: "deployer", unsigned: false } });
  if ("deploymentId" in asked) {
    const deploymentPath = { ...path, deploymentId: asked.deploymentId };
    const deployed = await call("getDeployment", { path: deploymentPath, query: { wait: 60 } });
    await call("followDeployment", { path: deploymentPath });
    console.log(deployed.contract?.address, deployed.transaction?.nonce);
  } else {
    console.log(asked.transaction["data"]);
  }
  const bound = await call("bindContract", { path, body: { chainId: 31337, address: `0x${"11".repeat(20)}` } });
  console.log(bound.contract?.kind === "bound", bound.contract?.transactionHash ?? "none");
  const deployments = await call("listDeployments", { path });
  const contract = await call("getContract", { path });
  console.log(deployments.deployments.length, contract.abi[0]?.["name"], contract.standardJsonInput["language"]);

  const { templates } = await call("listTemplates", none);
  const template = await call("getTemplate", { path: { name: templates[0]?.name ?? "rangeCheck" } });
  console.log(template.parameters[0]?.type === "uint", template.inputs[0]?.shape[0], template.example?.inputs["age"]);
  const newKey = await call("createKey", { body: { name: "CI", tenant: "acme", scopes: ["verify", "proofs:create"] } });
  const keyPath = { keyId: newKey.keyId };
  const keys = await call("listKeys", { query: { tenant: "acme" } });
  const scope: Schemas["Scope"] | undefined = (await call("getKey", { path: keyPath })).scopes[0];
  const rotated: string = (await call("rotateKey", { path: keyPath, query: { overlap: 60 } })).key;
  await call("revokeKey", { path: keyPath });
  const session = await call("startSession", none);
  console.log(session.csrfToken, session.scopes[0], session.expiresAt, (await call("getSession", none)).tenant);
  await call("endSession", none);

  const { usage } = (await call("getUsage", { query: { from: "2026-01-01", to: "2026-01-31" } })) as Schemas["UsagePage"];
  console.log(usage[0]?.proofs, usage[0]?.workMs, usage[0]?.witnessCpuMs, usage[0]?.storedBytes);
  const { tenants } = await call("listTenants", { query: { limit: 10 } });
  console.log(tenants[0]?.tenant, tenants[0]?.limits.maxCircuits);
  const { entries } = await call("listAuditLog", { query: { after: 0, limit: 10 } });
  console.log(entries[0]?.action === "key.create");

  const hooks = await call("setWebhooks", { body: { url: "https://app.example/webhooks", every: true } });
  const secret: string | undefined = hooks.secret ?? (await call("rotateWebhooks", { query: { overlap: 60 } })).secret;
  console.log(secret, (await call("getWebhooks", none)).secrets);
  const sent = await call("listDeliveries", { query: { status: "failed" } });
  for (const { deliveryId } of sent.deliveries) await call("replayDelivery", { path: { deliveryId } });
  await call("deleteWebhooks", none);
  console.log(keys.keys.length, scope, rotated.length);
  const upload = await call("createUpload", {
    body: { files: [{ role: "source", path: "main.circom", size: 10, sha256: "0".repeat(64) }] },
  });
  const uploadPath = { uploadId: upload.uploadId };
  await call("putPart", { path: { ...uploadPath, file: 0, part: 0 } });
  if (upload.direct) {
    const signing = { path: { ...uploadPath, file: 0 }, body: { parts: [{ part: 0, sha256: "0".repeat(64) }] } };
    const signed = (await call("signParts", signing)).parts[0];
    console.log(signed?.url, signed?.headers["content-length"]);
  }
  const missing: number[] = (await call("getUpload", { path: uploadPath })).files[0]?.missing ?? [];
  const imported = await call("importCircuit", { body: { ...uploadPath, main: "main.circom", simplification: "O2" } });
  console.log(missing, imported.import?.inputs[0]?.shape, imported.claimed, imported.templateName);
  await call("deleteUpload", { path: uploadPath });
  const announced = await call("createCeremony", {
    body: {
      circuitId: circuit.circuitId, minContributions: 5, deadline: "2027-03-01T12:00:00Z", turnSeconds: 600,
      beacon: { source: "a block", exponent: 10, at: "2027-03-02T12:00:00Z" },
    },
  });
  const ceremonyPath = { ceremonyId: announced.ceremonyId };
  const place = await call("joinCeremony", { path: ceremonyPath });
  const header = { "Contributor-Token": place.token };
  const turn = await call("takeTurn", { path: ceremonyPath, header });
  if (turn.state === "turn") console.log(turn.until, turn.key?.size, turn.key?.sha256);
  const parts = await call("declareContribution", { path: ceremonyPath, header, body: { size: 1, sha256: "0".repeat(64) } });
  for (const part of parts.missing) await call("putContributionPart", { path: { ...ceremonyPath, part }, header });
  console.log((await call("submitContribution", { path: ceremonyPath, header })).contribution?.hash);
  await call("leaveCeremony", { path: ceremonyPath, header });
  await call("getCeremonyFile", { path: { ...ceremonyPath, name: "ceremony.json" } });
  const found = await call("getCeremony", { path: ceremonyPath });
  console.log(found.rules.beacon.source, found.contributions?.[0]?.hash, found.result?.circuitId);
  await call("finishCeremony", { path: ceremonyPath, body: { value: "0x0a" } });
  console.log((await call("listCeremonies", { query: { status: "open" } })).ceremonies[0]?.contributionCount);
  await call("deleteCeremony", { path: ceremonyPath, query: { force: true } });
  const overview = await call("getOverview", none);
  console.log(overview.queues[0]?.oldestReadyS, overview.activity[0]?.prove?.p95, overview.backends[0]?.status === "ok");
  console.log(overview.activity[0]?.window === "week", overview.backends[0]?.kind === "SQLite", overview.process.prover === "native");
  // @ts-expect-error: an unknown folder is found
  console.log(overview.disks[0]?.folder === "cache");
  const jobs = await call("listJobs", { query: { queue: "key-generation", state: "failed", limit: 10 } });
  const subjects = jobs.jobs.filter((job) => job.retryable).map((job) => job.subject);
  const retried = await call("retryJobs", { body: { queue: "key-generation", subjects } });
  const deleted = await call("deleteJobs", { body: { queue: "proof-generation", matching: { state: "failed", errorCode: "panic" } } });
  console.log(retried.results[0]?.outcome === "retried", deleted.results[0]?.outcome === "busy");
  console.log((await call("purgeJobs", { body: { before: "2027-01-01T00:00:00Z" } })).removed);
  await call("pauseQueue", { path: { queue: "deploy" } });
  console.log((await call("resumeQueue", { path: { queue: "deploy" } })).paused);
  await call("deleteProof", { path: proofPath });
  await call("deleteCircuit", { path, query: { force: true } });
  console.log((await call("health", none)).status, (await call("ready", none)).checks, await call("metrics", none));
}

/** Every refusal is a problem with a known code. */
export type Problem = Content<Operations["createProof"]["responses"][422]>;
export const isMine = (problem: Problem): boolean => problem.code === "wrong_place" || problem.code === "invalid_inputs";
