// Compiles Solidity: node compile.mjs NODE_MODULES < {"name": "source", ..}; prints for each name
// {"bytecode", "runtime", "selector"}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules] = process.argv.slice(2);
const require = createRequire(join(modules, "solc", "index.js"));
const solc = require("solc");

const sources = JSON.parse(readFileSync(0, "utf8"));
const input = {
    language: "Solidity",
    sources: Object.fromEntries(Object.entries(sources).map(([name, content]) => [name, { content }])),
    settings: {
        optimizer: { enabled: true, runs: 200 },
        outputSelection: {
            "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"] },
        },
    },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors ?? []).filter((error) => error.severity === "error");
if (errors.length > 0) {
    console.error(errors.map((error) => error.formattedMessage).join("\n"));
    process.exit(1);
}
const compiled = {};
for (const [name, contracts] of Object.entries(output.contracts)) {
    const [{ evm }] = Object.values(contracts);
    compiled[name] = {
        bytecode: "0x" + evm.bytecode.object,
        runtime: "0x" + evm.deployedBytecode.object,
        selector: Object.values(evm.methodIdentifiers)[0],
    };
}
process.stdout.write(JSON.stringify(compiled), () => process.exit(0));
