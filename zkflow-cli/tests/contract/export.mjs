// Prints snarkjs' verifier contract of a key: node export.mjs NODE_MODULES KEY.zkey
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, zkey] = process.argv.slice(2);
const root = join(modules, "snarkjs");
const snarkjs = await import(pathToFileURL(join(root, "main.js")));
const groth16 = readFileSync(join(root, "templates", "verifier_groth16.sol.ejs"), "utf8");
process.stdout.write(await snarkjs.zKey.exportSolidityVerifier(zkey, { groth16 }), () => process.exit(0));
