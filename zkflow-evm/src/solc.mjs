// A solc for ethers-solc out of the package npm `solc`: node solc.mjs NODE_MODULES --standard-json < INPUT.
// The package's own command prints a line before the JSON, which is no JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules] = process.argv.slice(2);
const solc = createRequire(join(modules, "solc", "index.js"))("solc");
process.stdout.write(solc.compile(readFileSync(0, "utf8")), () => process.exit(0));
