// Prints the SHA-256 of snarkjs' witness file for each input: node hashes.mjs TOOLS CIRCUIT.wasm INPUTS.json
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const [tools, wasm, inputs] = process.argv.slice(2);
// The library with which snarkjs calculates witnesses.
const require = createRequire(join(tools, "node_modules", "snarkjs", "main.js"));
const { WitnessCalculatorBuilder } = require("circom_runtime");

const calculator = await WitnessCalculatorBuilder(readFileSync(wasm), { sanityCheck: true });
const hashes = [];
for (const input of JSON.parse(readFileSync(inputs, "utf8"))) {
    const bytes = await calculator.calculateWTNSBin(input);
    hashes.push(createHash("sha256").update(bytes).digest("hex"));
}
process.stdout.write(JSON.stringify(hashes), () => process.exit(0));
