// The fallback of `groth16` in Debian's Chromium: snarkjs proves in the page if the server cannot.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { openPage } from "./chromium.mjs";

const REFUSALS = { GET: [200, { circuits: [] }], POST: [403, { error: { code: "forbidden", message: "the key may not upload" } }] };

let page, close;
const asked = [];

before(async () => {
  // The page's origin is a server without circuits, whose caller may not upload.
  const api = (request, response) => {
    asked.push(`${request.method} ${request.url.split(/[/?]/)[2]}`);
    request.resume();
    const [status, body] = REFUSALS[request.method];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  ({ page, close } = await openPage({ api, folders: { snarkjs: join(dirname(process.env.ZKFLOW_SNARKJS), "build") } }));
});

after(() => close?.());

/** Proves in the page, and verifies with snarkjs itself. */
const prove = ({ falls, uploads }) => page.evaluate(async ({ falls, uploads }) => {
  const { Client, configure, groth16 } = await import("/build/index.js");
  let loaded = 0;
  const snarkjs = async () => {
    loaded++;
    await new Promise((resolve, reject) => document.head.append(Object.assign(document.createElement("script"), { src: "/snarkjs/snarkjs.min.js", onload: resolve, onerror: reject })));
    return window.snarkjs;
  };
  const file = async (name) => new Uint8Array(await (await fetch(`/files/${name}`)).arrayBuffer());
  configure({
    client: new Client(location.origin, { retries: 0 }),
    fallback: falls ? snarkjs : undefined,
    upload: uploads ? { r1cs: await file("circuit.r1cs"), sym: await file("circuit.sym") } : undefined,
  });
  const input = { age: 42, randomPublicSignal: 7 };
  try {
    const { proof, publicSignals } = await groth16.fullProve(input, "/files/circuit.wasm", "/files/proving_key.zkey", undefined, undefined, { singleThread: true });
    const key = await (await fetch("/files/verification_key.json")).json();
    const verify = (signals) => window.snarkjs.groth16.verify(key, signals, proof);
    return { loaded, publicSignals, verified: await verify(publicSignals), wrong: await verify(["8"]) };
  } catch (error) {
    return { loaded, code: error.code ?? String(error) };
  }
}, { falls, uploads });

test("without a fallback, a circuit that the server does not have is an error", async () => {
  for (const uploads of [false, true]) assert.deepEqual(await prove({ falls: false, uploads }), { loaded: 0, code: "no_such_circuit" });
});

test("snarkjs proves in the page if the server has no such circuit, and if it refuses the upload", async () => {
  for (const uploads of [false, true]) {
    asked.length = 0;
    const found = await prove({ falls: true, uploads });
    assert.deepEqual(found, { loaded: 1, publicSignals: ["7"], verified: true, wrong: false });
    assert.equal(asked.some((call) => call.startsWith("GET circuits")), true);
    assert.equal(asked.some((call) => call.startsWith("POST")), uploads, asked.join());
  }
});
