// Runs many snarkjs tasks in one process: node exchange.mjs TOOLS TASKS.json
// Prints a JSON array with the result of each task, in order; null for tasks that write a file.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import crypto from "node:crypto";

const [tools, tasksFile] = process.argv.slice(2);
const root = join(tools, "node_modules", "snarkjs");
const snarkjs = await import(pathToFileURL(join(root, "main.js")));

const json = (file) => JSON.parse(readFileSync(file, "utf8"));
const write = (file, value) => writeFileSync(file, JSON.stringify(value, null, 1));

async function withSevens(work) {
    const { randomFillSync } = crypto;
    crypto.randomFillSync = (array) => array.fill(7);
    try {
        await work();
    } finally {
        crypto.randomFillSync = randomFillSync;
    }
}

const operations = {
    async ptau({ power, out }) {
        const fresh = { type: "mem" }, contributed = { type: "mem" };
        const curve = await snarkjs.curves.getCurveFromName("bn128");
        await snarkjs.powersOfTau.newAccumulator(curve, power, fresh);
        await snarkjs.powersOfTau.contribute(fresh, contributed, "test", "entropy");
        await snarkjs.powersOfTau.preparePhase2(contributed, out);
    },
    async witness({ input, wasm, out }) {
        await snarkjs.wtns.calculate(json(input), wasm, out);
    },
    async key({ r1cs, ptau, out }) {
        const fresh = { type: "mem" };
        await snarkjs.zKey.newZKey(r1cs, ptau, fresh);
        await snarkjs.zKey.contribute(fresh, out, "test", "entropy");
    },
    async initialKey({ r1cs, ptau, out }) {
        await snarkjs.zKey.newZKey(r1cs, ptau, out);
    },
    async beaconKey({ zkey, out, beacon, exponent, name }) {
        await snarkjs.zKey.beacon(zkey, out, name, beacon, exponent);
    },
    // All random bytes are 7.
    async contributeKey({ zkey, out, name, text }) {
        await withSevens(() => snarkjs.zKey.contribute(zkey, out, name, text));
    },
    async contributePowers({ ptau, out, name, text }) {
        await withSevens(() => snarkjs.powersOfTau.contribute(ptau, out, name, text));
    },
    async exportChallenge({ ptau, out }) {
        await snarkjs.powersOfTau.exportChallenge(ptau, out);
    },
    async answerChallenge({ challenge, out }) {
        const curve = await snarkjs.curves.getCurveFromName("bn128");
        await snarkjs.powersOfTau.challengeContribute(curve, challenge, out, "entropy");
    },
    async importResponse({ ptau, response, out, name }) {
        await snarkjs.powersOfTau.importResponse(ptau, response, out, name, true);
    },
    async exportParams({ zkey, out }) {
        await snarkjs.zKey.exportBellman(zkey, out);
    },
    async contributeParams({ params, out }) {
        const curve = await snarkjs.curves.getCurveFromName("bn128");
        await snarkjs.zKey.bellmanContribute(curve, params, out, "entropy");
    },
    async importParams({ zkey, params, out, name }) {
        return await snarkjs.zKey.importBellman(zkey, params, out, name);
    },
    async verifyKey({ r1cs, ptau, zkey }) {
        return await snarkjs.zKey.verifyFromR1cs(r1cs, ptau, zkey);
    },
    async verifyPowers({ ptau }) {
        return await snarkjs.powersOfTau.verify(ptau);
    },
    async vkey({ zkey, out }) {
        write(out, await snarkjs.zKey.exportVerificationKey(zkey));
    },
    async prove({ zkey, wtns, proof, publicSignals }) {
        const made = await snarkjs.groth16.prove(zkey, wtns);
        write(proof, made.proof);
        write(publicSignals, made.publicSignals);
    },
    async verify({ vkey, publicSignals, proof }) {
        return await snarkjs.groth16.verify(json(vkey), json(publicSignals), json(proof));
    },
    async calldata({ proof, publicSignals }) {
        return await snarkjs.groth16.exportSolidityCallData(json(proof), json(publicSignals));
    },
    async contract({ zkey }) {
        const groth16 = readFileSync(join(root, "templates", "verifier_groth16.sol.ejs"), "utf8");
        return (await snarkjs.zKey.exportSolidityVerifier(zkey, { groth16 })).includes("contract Groth16Verifier");
    },
};

const results = [];
for (const { operation, ...task } of json(tasksFile)) {
    results.push((await operations[operation](task)) ?? null);
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
