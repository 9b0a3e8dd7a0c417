// Runs the npm package `solc` like a native solc: node solc.mjs NODE_MODULES --standard-json < INPUT
// The package's own command is not usable, since it prints a line of text before the JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules] = process.argv.slice(2);
const solc = createRequire(join(modules, "solc", "index.js"))("solc");
process.stdout.write(solc.compile(readFileSync(0, "utf8")), () => process.exit(0));
