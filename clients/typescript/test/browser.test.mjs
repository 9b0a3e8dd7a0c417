// The ESM build in Debian's Chromium, in a page and in a worker, as a bundler or a script tag loads it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage } from "./chromium.mjs";
import { CIRCUIT, SERVER, inputs } from "./support.mjs";

/** Proves and verifies with every call that differs between Node and browsers. */
const program = async ({ Client, configure, groth16 }, { circuit, given }) => {
  const client = new Client(location.origin);
  const stages = [];
  const { proof, publicSignals } = await client.prove(circuit, given, { onProgress: ({ status }) => stages.push(status) });
  const { verified } = await client.verify(circuit, { proof, publicSignals });
  const sealed = await client.prove(circuit, given, { seal: true });
  configure({ client });
  const made = await groth16.fullProve({ age: 42, randomPublicSignal: 7 }, "/files/circuit.wasm", "/files/proving_key.zkey");
  const key = await (await fetch("/files/verification_key.json")).json();
  const refused = await client.circuit("0".repeat(32)).catch(({ status, code }) => [status, code]);
  return {
    publicSignals, verified, refused,
    last: stages.at(-1),
    sealed: sealed.publicSignals,
    fullProve: await groth16.verify(key, made.publicSignals, made.proof),
    wrong: await groth16.verify(key, ["8"], made.proof),
    window: typeof window,
  };
};

const WORKER = `
  import * as zkflow from "/build/index.js";
  const program = ${program};
  onmessage = async ({ data }) => postMessage(await program(zkflow, data).catch((error) => ({ error: String(error) })));
`;

let page, close;
const faults = [];

before(async () => {
  ({ page, close } = await openPage({ api: pass, texts: { "worker.js": WORKER } }));
  page.on("pageerror", (error) => faults.push(String(error)));
});

after(() => close?.());

/** Passes a call on to the server, under the origin of the page. */
async function pass(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { host, connection, origin, referer, ...given } = request.headers;
  const headers = Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith("sec-")));
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const answer = await fetch(SERVER + request.url, { method: request.method, headers: { ...headers, "accept-encoding": "identity" }, body });
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  for await (const piece of answer.body ?? []) response.write(piece);
  response.end();
}

const EXPECTED = {
  publicSignals: ["7"], verified: true, refused: [404, "circuit_not_found"], last: "completed", sealed: ["7"], fullProve: true, wrong: false,
};
const given = { ...inputs(), publicInputs: { randomPublicSignal: "7" } };

test("a page proves and verifies", async () => {
  const found = await page.evaluate(`(async () => (${program})(await import("/build/index.js"), ${JSON.stringify({ circuit: CIRCUIT, given })}))()`);
  assert.deepEqual(found, { ...EXPECTED, window: "object" });
});

test("a worker proves and verifies", async () => {
  const found = await page.evaluate((data) => new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data: answer }) => resolve(answer);
    worker.postMessage(data);
  }), { circuit: CIRCUIT, given });
  assert.deepEqual(found, { ...EXPECTED, window: "undefined" });
});

test("no script of the page fails", () => {
  assert.deepEqual(faults, []);
});
