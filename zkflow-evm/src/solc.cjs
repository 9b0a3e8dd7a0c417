// Runs the npm package `solc` once: node -e SCRIPT. Standard input is the length of soljson.js in decimal, a line
// feed, soljson.js, and the compiler's input in JSON. The compiler's output goes to standard output.
const { readFileSync } = require("node:fs");
const Module = require("node:module");

const bytes = readFileSync(0);
const start = bytes.indexOf("\n") + 1;
const end = start + Number(bytes.toString("latin1", 0, start));
const compiler = new Module("soljson.js");
compiler._compile(bytes.toString("utf8", start, end), "soljson.js");
const compile = compiler.exports.cwrap("solidity_compile", "string", ["string", "number", "number"]);
process.stdout.write(compile(bytes.toString("utf8", end), 0, 0), () => process.exit(0));
