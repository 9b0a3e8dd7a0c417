// The contracts of keys, by the template of one version of snarkjs.
// node contracts.cjs SNARKJS NODE_MODULES: an array of verification keys comes in, an array of sources goes out.
const fs = require("fs");
const path = require("path");

const [home, modules] = process.argv.slice(2);
const ejs = require(path.join(modules, "ejs"));
const template = fs.readFileSync(path.join(home, "templates/verifier_groth16.sol.ejs"), "utf8");
const keys = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(keys.map((key) => ejs.render(template, key))));
