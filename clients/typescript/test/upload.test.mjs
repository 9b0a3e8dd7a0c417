// Circuits of own files: another zkey for the circuit of these tests, which the server does not have.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, FailedError, NoSuchCircuitError, RefusedError, configure, groth16 } from "../dist/esm/index.js";
import { Sha256 } from "../dist/esm/sha256.js";
import { parts } from "../dist/esm/files.js";
import { FILES, SERVER, inputs, network } from "./support.mjs";

const snarkjs = await import(process.env.ZKFLOW_SNARKJS);
const client = new Client(SERVER);
const file = (name) => join(FILES, name);
const [r1cs, wasm, sym, zkey] = ["circuit.r1cs", "circuit.wasm", "circuit.sym", "proving_key.zkey"].map(file);
const given = { age: 42, randomPublicSignal: 7 };
after(async () => await globalThis.curve_bn128?.terminate?.());
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A key of the circuit that no server has: one more contribution. */
async function contributed() {
  const made = { type: "mem" };
  await snarkjs.zKey.contribute(zkey, made, "tests", `entropy ${Math.random()}`);
  return made.data;
}

const roles = (key) => [
  { role: "r1cs", file: r1cs },
  { role: "wasm", file: wasm },
  { role: "sym", file: sym },
  { role: "zkey", file: key },
];

test("fullProve uploads the files of a circuit that the server does not have, once", async () => {
  const key = await contributed();
  const net = await network();
  configure({ client: new Client(net.url), upload: { r1cs, sym } });
  const [seen, stages] = [[], []];
  const options = { onUpload: (bytes) => seen.push(bytes), onProgress: (document) => stages.push(document.status) };
  const { proof, publicSignals } = await groth16.fullProve(given, wasm, key, undefined, undefined, undefined, options);
  assert.deepEqual(publicSignals, ["7"]);
  const verificationKey = await snarkjs.zKey.exportVerificationKey(key);
  assert.equal(await snarkjs.groth16.verify(verificationKey, publicSignals, proof), true);
  assert.equal(await groth16.verify(verificationKey, publicSignals, proof), true);
  assert.equal(seen[0].sent, 0);
  assert.equal(seen.at(-1).sent, seen.at(-1).total);
  assert.ok(stages.includes("ready") && stages.at(-1) === "completed", stages.join());

  const declared = () => net.seen.filter(({ method, url }) => method === "POST" && url === "/v1/uploads").length;
  assert.equal(declared(), 1);
  assert.deepEqual((await groth16.fullProve(given, wasm, new Blob([key]))).publicSignals, ["7"]);
  assert.equal(declared(), 1);
  net.close();
});

test("without the files that an upload needs, the error names them", async () => {
  const key = await contributed();
  configure({ client, upload: undefined });
  const missing = async (options, expected) =>
    assert.rejects(groth16.fullProve(given, wasm, key, undefined, undefined, undefined, options), (error) => {
      assert.ok(error instanceof NoSuchCircuitError);
      assert.deepEqual(error.missing, expected);
      for (const name of expected) assert.ok(error.message.includes(name), error.message);
      return true;
    });
  await missing({}, ["r1cs", "sym"]);
  await missing({ upload: { r1cs } }, ["sym"]);
  await missing({ upload: () => undefined }, ["r1cs", "sym"]);
  await missing({ upload: async () => ({ sym }) }, ["r1cs"]);
});

test("a damaged key fails the import with the code of the server", async () => {
  const key = await contributed();
  key[key.length >> 1] ^= 1;
  await assert.rejects(groth16.fullProve(given, wasm, key, undefined, undefined, undefined, { upload: { r1cs, sym } }), (error) => {
    assert.ok(error instanceof FailedError, String(error));
    assert.equal(error.document.status, "failed");
    return true;
  });
});

test("a caller who may not upload gets no circuit, or the fallback", async () => {
  const net = await network((request) => (request.method === "POST" && request.url === "/v1/uploads" ? 403 : undefined));
  const key = await contributed();
  configure({ client: new Client(net.url), upload: { r1cs, sym } });
  await assert.rejects(groth16.fullProve(given, wasm, key), (error) => {
    assert.ok(error instanceof NoSuchCircuitError && error.cause instanceof RefusedError);
    return error.cause.status === 403;
  });
  configure({ fallback: async () => snarkjs });
  assert.deepEqual((await groth16.fullProve(given, wasm, key)).publicSignals, ["7"]);
  configure({ client, fallback: undefined });
  net.close();
});

test("an interrupted upload is continued with its missing parts; an aborted one is deleted", async () => {
  const files = roles(pathToFileURL(zkey).href);
  const upload = await client.createUpload(files);
  assert.deepEqual(upload.files.map(({ missing }) => missing.length > 0), [true, true, true, true]);
  await assert.rejects(client.sendUpload(upload, files.slice(1)), TypeError);
  const stop = new AbortController();
  const sending = client.sendUpload(upload, files, { signal: stop.signal, onUpload: ({ sent }) => sent > 0 && stop.abort("enough") });
  await assert.rejects(sending, (error) => error === "enough");
  await assert.rejects(client.requestImport(upload.uploadId), { code: "upload_incomplete" });

  const rest = await client.upload(upload.uploadId);
  assert.deepEqual(rest.files.map(({ missing }) => missing.length), [0, 1, 1, 1]);
  await client.sendUpload(rest, files);
  assert.deepEqual((await client.upload(upload.uploadId)).files.flatMap(({ missing }) => missing), []);
  await client.deleteUpload(upload.uploadId);
  await assert.rejects(client.upload(upload.uploadId), { code: "upload_not_found" });

  const net = await network();
  const late = new AbortController();
  const importing = new Client(net.url).importCircuit(roles(zkey), {}, { signal: late.signal, onUpload: () => late.abort("no more") });
  await assert.rejects(importing, (error) => error === "no more");
  assert.equal(net.seen.filter(({ method }) => method === "DELETE").length, 1);
  net.close();
});

test("what is missing in an import is refused with its name", async () => {
  await assert.rejects(client.importCircuit([{ role: "wasm", file: wasm }, { role: "zkey", file: zkey }]), (error) => {
    assert.equal(error.code, "import_incomplete");
    assert.deepEqual(error.errors.map(({ path }) => path).sort(), ["r1cs", "sym"]);
    return true;
  });
});

test("a part that the network loses is sent again", async () => {
  const net = await network((request, count) => (request.method === "PUT" && count % 2 === 0 ? 503 : undefined));
  const circuit = await new Client(net.url).importCircuit(roles(await contributed()));
  assert.equal(circuit.status, "ready");
  assert.deepEqual((await client.prove(circuit.circuitId, inputs())).publicSignals, ["7"]);
  net.close();
});

/** A bucket that takes parts at signed URLs and gives them to the server; `status` is its answer. */
async function bucket(status) {
  const taken = [];
  const answering = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    taken.push({ url: request.url, method: request.method, headers: request.headers, bytes });
    if (status === 200) {
      const [, path] = request.url.split("?place=");
      await fetch(SERVER + path, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: bytes });
    }
    response.writeHead(status).end();
  });
  answering.listen(0, "127.0.0.1");
  await once(answering, "listening");
  const url = `http://127.0.0.1:${answering.address().port}`;
  /** Answers as a server that signs URLs of this bucket. */
  const signing = async (input, init) => {
    const { pathname } = new URL(input);
    const json = (body, answer) => new Response(JSON.stringify(body), { status: answer, headers: { "content-type": "application/json" } });
    if (pathname.endsWith("/urls")) {
      const sign = ({ part, sha256 }) => ({
        part,
        url: `${url}/object?place=${pathname.replace("/urls", `/parts/${part}`)}`,
        headers: { "content-length": "not a number", host: "other", "x-checksum": sha256 },
      });
      return json({ parts: JSON.parse(init.body).parts.map(sign) }, 200);
    }
    const answer = await fetch(input, init);
    if (pathname !== "/v1/uploads") return answer;
    return json({ ...(await answer.json()), direct: true }, answer.status);
  };
  return { taken, signing, close: () => answering.close() };
}

test("parts go straight to the bucket if the server signs URLs, without the token", async () => {
  const { taken, signing, close } = await bucket(200);
  const direct = new Client(SERVER, { fetch: signing, apiKey: "secret", headers: { "x-own": "1" } });
  const circuit = await direct.importCircuit(roles(await contributed()));
  assert.equal(circuit.status, "ready");
  assert.equal(taken.length, 4);
  for (const { method, headers, bytes } of taken) {
    assert.deepEqual([method, headers.authorization, headers["x-own"]], ["PUT", undefined, undefined]);
    assert.equal(headers["x-checksum"], digest(bytes));
  }
  close();
});

test("parts go to the server if the bucket refuses them", async () => {
  const { taken, signing, close } = await bucket(403);
  const circuit = await new Client(SERVER, { fetch: signing }).importCircuit(roles(await contributed()));
  assert.equal(circuit.status, "ready");
  assert.equal(taken.length, 1);
  close();
});

test("digests and parts of files in pieces are those of the whole", async () => {
  for (let length = 0; length < 200; length++) {
    const bytes = new Uint8Array(length).map((_, place) => place * 7 + length);
    const hash = new Sha256();
    for (let at = 0; at < length; at += 1 + (length % 70)) hash.update(bytes.subarray(at, at + 1 + (length % 70)));
    assert.equal(hash.digest(), digest(bytes));
  }
  const path = join(FILES, "large");
  const large = new Uint8Array((5 << 20) + 3).map((_, place) => place >> 7);
  await writeFile(path, large);
  const blob = new Blob([large]);
  for (const one of [path, pathToFileURL(path).href, blob, large, { type: "mem", data: large }, URL.createObjectURL(blob)]) {
    const found = [];
    for await (const part of parts(one, 1 << 21)) found.push(part);
    assert.deepEqual(found.map((part) => part.length), [1 << 21, 1 << 21, (1 << 20) + 3]);
    assert.equal(digest(Buffer.concat(found)), digest(large));
  }
});
