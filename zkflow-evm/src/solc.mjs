// Runs the npm package `solc` like a native solc: node solc.mjs NODE_MODULES --standard-json < INPUT
// The package's own command is not usable, since it prints a line of text before the JSON. The compiler is one
// file of the package, so no other package is needed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules] = process.argv.slice(2);
const solc = createRequire(import.meta.url)(join(modules, "solc", "soljson.js"));
const compile = solc.cwrap("solidity_compile", "string", ["string", "number", "number"]);
process.stdout.write(compile(readFileSync(0, "utf8"), 0, 0), () => process.exit(0));
