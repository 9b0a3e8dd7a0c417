// Node 18 has no X25519 where the package looks for it: open inputs work, and sealed ones are refused here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, UnsupportedError } from "../dist/esm/index.js";
import { CIRCUIT, SERVER, inputs, network } from "./support.mjs";

test("sealing is refused before inputs are sent", async () => {
  const net = await network();
  await assert.rejects(new Client(net.url).prove(CIRCUIT, inputs(), { seal: true }), UnsupportedError);
  assert.deepEqual(net.seen.filter(({ method }) => method !== "GET"), []);
  net.close();
  for (const options of [{}, { seal: "if-offered" }]) {
    assert.deepEqual((await new Client(SERVER).prove(CIRCUIT, inputs(), options)).publicSignals, ["7"]);
  }
});
