// The ESM build in Debian's Chromium, in a page and in a worker, as a bundler or a script tag loads it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CIRCUIT, FILES, SERVER, inputs } from "./support.mjs";

const { chromium } = createRequire(new URL("../../../dashboard/package.json", import.meta.url))("playwright-core");
const BUILD = fileURLToPath(new URL("../dist/esm/", import.meta.url));
const TYPES = { js: "text/javascript", html: "text/html", json: "application/json" };

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

let browser, server, page;
const faults = [];

before(async () => {
  server = createServer(async (request, response) => {
    try {
      const { pathname, search } = new URL(request.url, SERVER);
      const [, place, name] = pathname.split("/");
      if (place === "v1") return await pass(request, response, pathname + search);
      const body = place === "" ? "<!doctype html><title>client</title>" : place === "worker.js" ? WORKER : await readFile(join(place === "build" ? BUILD : FILES, name));
      response.writeHead(200, { "content-type": TYPES[pathname.split(".").at(-1)] ?? (place === "" ? TYPES.html : "application/octet-stream") }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  page = await browser.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** Passes a call on to the server, under the origin of the page. */
async function pass(request, response, path) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { host, connection, origin, referer, ...given } = request.headers;
  const headers = Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith("sec-")));
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const answer = await fetch(SERVER + path, { method: request.method, headers: { ...headers, "accept-encoding": "identity" }, body });
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
