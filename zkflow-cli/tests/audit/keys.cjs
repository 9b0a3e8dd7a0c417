// What one version of snarkjs writes for a circuit: a key without a contribution, one with it, one with a beacon alone.
// node keys.cjs SNARKJS R1CS PTAU FOLDER
const fs = require("fs");
const path = require("path");

const [home, r1cs, ptau, folder] = process.argv.slice(2);
const { zKey } = require(path.join(home, "build/main.cjs"));
const ffjavascript = require(require.resolve("ffjavascript", { paths: [home] }));
const groth16 = fs.readFileSync(path.join(home, "templates/verifier_groth16.sol.ejs"), "utf8");
const at = (name) => path.join(folder, name);

// The beacon of the guide of snarkjs.
const BEACON = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

async function main() {
    // Each call makes the curve again, which takes most of its time.
    const curve = await ffjavascript.buildBn128();
    curve.terminate = async () => {};
    ffjavascript.buildBn128 = async () => curve;
    await zKey.newZKey(r1cs, ptau, at("initial.zkey"));
    await zKey.contribute(at("initial.zkey"), at("contributed.zkey"), "Ann", "some text");
    await zKey.beacon(at("initial.zkey"), at("beacon.zkey"), "a beacon", BEACON, 10);
    for (const name of ["initial", "contributed", "beacon"]) {
        const key = await zKey.exportVerificationKey(at(`${name}.zkey`));
        fs.writeFileSync(at(`${name}.vkey.json`), JSON.stringify(key));
        const contract = await zKey.exportSolidityVerifier(at(`${name}.zkey`), { groth16 });
        fs.writeFileSync(at(`${name}.sol`), contract);
    }
}

main().then(
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
