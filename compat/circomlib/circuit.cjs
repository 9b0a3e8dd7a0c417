// A circuit with the calls that circomlib's tests make of the package circom_tester. `zkflow` compiles it, calculates its
// witnesses and checks them.

"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const ZKFLOW = process.env.ZKFLOW || "zkflow";
// The suite counts constraints of the level that was the default when it was written.
const LEVEL = "--O2";
const LARGE = 1 << 30;

/** Runs `zkflow`; its message is the message of the error. */
function zkflow(...args) {
  try {
    return execFileSync(ZKFLOW, args, { encoding: "utf8", maxBuffer: LARGE, stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const message = String(error.stderr || error.message);
    // The tests look for the words of circom's calculator.
    throw new Error(/is not satisfied|assert/i.test(message) ? `Assert Failed. ${message}` : message);
  }
}

/** Integers as decimal strings. */
const decimal = (_, value) => (typeof value === "bigint" || typeof value === "number" ? value.toString() : value);

const json = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

class Circuit {
  constructor(file) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "zkflow-compat-"));
    this.name = path.basename(file, ".circom");
    zkflow("compile", file, "--out", this.folder, LEVEL);
  }

  file(name) {
    return path.join(this.folder, name);
  }

  own(extension) {
    return this.file(`${this.name}.${extension}`);
  }

  /** The signals by name, with the index of their wire. */
  async loadSymbols() {
    this.symbols ??= Object.fromEntries(
      fs.readFileSync(this.own("sym"), "utf8").split("\n").filter(Boolean).map((line) => {
        const [label, wire, component, name] = line.split(",");
        return [name, { labelIdx: Number(label), varIdx: Number(wire), componentIdx: Number(component) }];
      }),
    );
  }

  async loadConstraints() {
    if (this.constraints) return;
    const out = this.file("constraints.json");
    zkflow("r1cs", "export", "json", this.own("r1cs"), out);
    const { nVars, constraints } = json(out);
    this.nVars = nVars;
    this.constraints = constraints;
  }

  /** The value of every wire. */
  async calculateWitness(inputs) {
    const [given, witness, values] = ["input.json", "witness.wtns", "witness.json"].map((name) => this.file(name));
    fs.writeFileSync(given, JSON.stringify(inputs, decimal));
    zkflow("witness", this.own("wasm"), given, witness, "--inputs", "lenient");
    zkflow("wtns", "export", "json", witness, values);
    return json(values).map(BigInt);
  }

  async checkConstraints(values) {
    const changed = this.file("checked.wtns");
    fs.writeFileSync(changed, wtns(values));
    zkflow("wtns", "check", this.own("r1cs"), changed);
  }

  async getSignalIdx(name) {
    await this.loadSymbols();
    return this.symbols[name].varIdx;
  }

  /** Compares the outputs that are named, which may be arrays. */
  async assertOut(values, expected) {
    await this.loadSymbols();
    const compare = (name, value) => {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        Object.entries(value).forEach(([key, inner]) => compare(`${name}.${key}`, inner));
      } else if (Array.isArray(value)) {
        value.forEach((inner, index) => compare(`${name}[${index}]`, inner));
      } else {
        assert.ok(this.symbols[name], `there is no signal ${name}`);
        assert.equal(values[this.symbols[name].varIdx].toString(), value.toString(), name);
      }
    };
    compare("main", expected);
  }

  async release() {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A file of the witness, with the values given. */
function wtns(values) {
  const prime = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
  const bytes = Buffer.alloc(12 + 12 + 40 + 12 + 32 * values.length);
  let at = 0;
  const number = (value, width) => {
    for (let shift = 0; shift < width; shift += 4) {
      at = bytes.writeUInt32LE(Number((value >> BigInt(8 * shift)) & 0xffffffffn), at);
    }
  };
  at += bytes.write("wtns", at);
  [2n, 2n, 1n].forEach((value) => number(value, 4));
  number(40n, 8);
  number(32n, 4);
  number(prime, 32);
  number(BigInt(values.length), 4);
  number(2n, 4);
  number(BigInt(32 * values.length), 8);
  values.forEach((value) => number(BigInt(value), 32));
  return bytes;
}

exports.wasm = async (file) => new Circuit(file);
