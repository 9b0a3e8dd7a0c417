// Witnesses of snarkjs: `node witnesses.cjs TOOLS CIRCUIT.wasm FOLDER COUNT` reads FOLDER/0.json and so on, and writes
// FOLDER/0.wtns, or FOLDER/0.error if the inputs are refused.

"use strict";

const fs = require("node:fs");
const path = require("node:path");

/** Inputs with buses as arrays, which snarkjs expects. */
function flat(inputs) {
  const values = (value) => (typeof value === "object" ? Object.values(value).flatMap(values) : [value]);
  const one = (value) => (typeof value === "object" ? values(value) : value);
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, one(value)]));
}

async function main([tools, wasm, folder, count]) {
  const snarkjs = require(path.join(tools, "node_modules/snarkjs"));
  for (let i = 0; i < Number(count); i++) {
    const at = (extension) => path.join(folder, `${i}.${extension}`);
    const witness = { type: "mem" };
    try {
      await snarkjs.wtns.calculate(flat(JSON.parse(fs.readFileSync(at("json"), "utf8"))), wasm, witness);
      fs.writeFileSync(at("wtns"), witness.data);
    } catch (error) {
      fs.writeFileSync(at("error"), String(error));
    }
  }
  process.exit(0);
}

main(process.argv.slice(2));
