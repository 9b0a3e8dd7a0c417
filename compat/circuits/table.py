#!/usr/bin/env python3
"""Public circuits through zkflow, beside circom and snarkjs: the table of docs/compatibility.md.

Each row is compiled, its witness is calculated, its key is made, and a proof is made and verified by snarkjs. A row is "yes" if the
constraints, the calculator and the names are those of circom byte for byte, the witness is that of snarkjs, and snarkjs accepts
the proof. Otherwise it says what failed.

Variables: ZKFLOW, the command; ZKFLOW_TOOLS, the folder with circom and snarkjs; CIRCOM_PATH, a native circom.
"""

import argparse
import filecmp
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPAT = HERE.parent
PACKAGES = COMPAT / "node_modules"
# Work folders. The circom of npm opens only files below the folder that it runs in.
BUILD = COMPAT / "build"
TOOLS = Path(os.environ.get("ZKFLOW_TOOLS", COMPAT.parent / "tools")).resolve()
os.environ["ZKFLOW_TOOLS"] = str(TOOLS)
ZKFLOW = os.environ.get("ZKFLOW", "zkflow")
CIRCOM = os.environ.get("CIRCOM_PATH")
# Where circuits look for the libraries of others.
ROOTS = [
    "@zk-email/jwt-tx-builder-circuits/node_modules",
    "",
    "circomlib/circuits",
    "@zk-kit/binary-merkle-root.circom/src",
    "@zk-kit/circuits/circom",
]
class Failed(Exception):
    """A step of a row did not do what it must; the text says which."""


@dataclass
class Done:
    """A command that ended well."""

    output: str
    seconds: float
    mebibytes: int


def run(step, command, cwd):
    """Runs a command; its CPU time and its peak memory are those of the process and its children."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode != 0:
        lines = [line for line in text.splitlines() if line.strip()]
        raise Failed(f"{step}: {lines[-1] if lines else child.returncode}")
    return Done(text, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)


def least(step, runs, command, cwd):
    """Of several runs, the one with the least CPU time."""
    return min((run(step, command, cwd) for _ in range(runs)), key=lambda done: done.seconds)


def node(*command):
    return ["node", *map(str, command)]


SNARKJS = node(TOOLS / "node_modules/snarkjs/build/cli.cjs")


def circom():
    return [CIRCOM] if CIRCOM else node(TOOLS / "node_modules/circom2/cli.js")


def version(package):
    return json.loads((PACKAGES / package / "package.json").read_text())["version"]


def include_flags():
    return [flag for root in ROOTS for flag in ("-l", below(PACKAGES / root))]


def below(path):
    return str(path.relative_to(COMPAT))


@dataclass
class Row:
    name: str
    package: str
    inputs: list
    include: str | None = None
    main: str | None = None
    file: str | None = None
    short: bool = False
    facts: dict = field(default_factory=dict)
    memory: int = 0
    domain: int = 0

    def measured(self, done):
        self.memory = max(self.memory, done.mebibytes)
        return done

    def source(self, folder):
        """The file with the main component."""
        if self.file:
            return PACKAGES / self.package / self.file
        path = folder / "circuit.circom"
        path.write_text(f'pragma circom 2.1.0;\ninclude "{self.package}/{self.include}";\ncomponent main {self.main};\n')
        return path

    def compile(self, folder):
        source = self.source(folder)
        file, own, theirs = below(source), below(folder / "own"), below(folder / "theirs")
        for name in ("own", "theirs"):
            (folder / name).mkdir()
        compiled = self.measured(
            run("compile", [ZKFLOW, "compile", file, "--out", own, *include_flags()], COMPAT)
        )
        kinds = ["--r1cs", "--wasm", "--sym"]
        other = run("circom", [*circom(), file, *kinds, "-o", theirs, *include_flags()], COMPAT)
        stem = source.stem
        for extension, path in (("r1cs", ""), ("wasm", f"{stem}_js"), ("sym", "")):
            expected = folder / "theirs" / path / f"{stem}.{extension}"
            if not filecmp.cmp(folder / "own" / f"{stem}.{extension}", expected, shallow=False):
                raise Failed(f"compile: the .{extension} differs from that of circom")
        said = compiled.output
        counts = re.search(r"\((\d+) non-linear, (\d+) linear\)", said)
        self.facts["constraints"] = [int(counts[1]), int(counts[2])]
        self.facts["compile"] = [compiled.seconds, other.seconds]
        self.facts["warnings"] = re.findall(r"^warning +(.*)$", said, re.MULTILINE)
        self.facts["tape"] = re.search(r"^witness +(.*)$", said, re.MULTILINE)[1]
        self.domain = int(re.search(r"^domain +(\d+)$", said, re.MULTILINE)[1])
        return folder / "own" / stem

    def witness(self, stem, folder, runs):
        inputs = run("inputs", node(HERE / "inputs.cjs", json.dumps(self.inputs)), folder).output
        (folder / "input.json").write_text(inputs)
        files = [str(stem) + ".wasm", "input.json"]
        # The first run with a module translates it.
        own = [ZKFLOW, "witness", *files, "own.wtns"]
        run("witness", own, folder)
        done = self.measured(least("witness", runs, own, folder))
        theirs = least("snarkjs wtns calculate", runs, [*SNARKJS, "wtns", "calculate", *files, "theirs.wtns"], folder)
        if not filecmp.cmp(folder / "own.wtns", folder / "theirs.wtns", shallow=False):
            raise Failed("witness: it differs from that of snarkjs")
        self.facts["way"] = re.search(r"calculated by the (\w+)", done.output)[1]
        self.facts["witness"] = [done.seconds, theirs.seconds]

    def prove(self, stem, powers, folder):
        r1cs = str(stem) + ".r1cs"
        key = [ZKFLOW, "zkey", "new", r1cs, str(powers), "initial.zkey", "--allow-development"]
        made = self.measured(run("zkey new", key, folder))
        again = self.measured(run("zkey contribute", [ZKFLOW, "zkey", "contribute", "initial.zkey", "key.zkey"], folder))
        run("export", [ZKFLOW, "zkey", "export-vkey", "--snarkjs", "key.zkey", "vkey.json"], folder)
        self.facts["key"] = made.seconds + again.seconds
        proof = [ZKFLOW, "prove", "key.zkey", "own.wtns", "proof.json", "public.json"]
        self.facts["proof"] = self.measured(run("prove", proof, folder)).seconds
        run("snarkjs groth16 verify", [*SNARKJS, "groth16", "verify", "vkey.json", "public.json", "proof.json"], folder)

    def check(self, powers, runs):
        """Runs all steps; the facts hold what was measured, and the reason of a failure."""
        with tempfile.TemporaryDirectory(dir=BUILD) as name:
            folder = Path(name)
            try:
                stem = self.compile(folder)
                self.witness(stem, folder, runs)
                self.prove(stem, powers(self.domain), folder)
            except Failed as failed:
                self.facts["reason"] = str(failed)
        return "reason" not in self.facts

    def line(self):
        facts = self.facts
        pair = lambda name: " / ".join(f"{value:.2f}" for value in facts[name]) if name in facts else "–"
        single = lambda name: f"{facts[name]:.2f}" if name in facts else "–"
        constraints = " + ".join(map(str, facts["constraints"])) if "constraints" in facts else "–"
        way = facts.get("way", "–")
        if way != "tape" and "tape" in facts:
            way += " (" + facts["tape"].removeprefix("by circom's module: ") + ")"
        cells = [
            self.name,
            f"{self.package} {version(self.package)}",
            constraints,
            pair("compile"),
            way,
            pair("witness"),
            single("key"),
            single("proof"),
            str(self.memory),
            facts.get("reason", "yes"),
        ]
        return "| " + " | ".join(cells) + " |"


HEAD = """\
| circuit | package | constraints, non-linear + linear | compile, zkflow / circom | witness way | witness, zkflow / snarkjs | key | proof | MiB | verified by snarkjs |
|---|---|---|---|---|---|---|---|---|---|"""


class Powers:
    """Powers of tau for development, one file for all circuits up to a size."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {}

    def __call__(self, domain):
        # One file of 2^13 rows serves all small circuits.
        power = max(13, domain.bit_length() - 1)
        if power not in self.files:
            path = self.folder / f"development_{power}.ptau"
            run("powers of tau", [ZKFLOW, "ptau", "development", str(power), str(path)], self.folder)
            self.files[power] = path
        return self.files[power]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="only the short rows")
    parser.add_argument("--only", metavar="TEXT", help="only rows whose name contains the text")
    parser.add_argument("--facts", metavar="FILE", help="also write all that was measured as JSON")
    args = parser.parse_args()
    rows = [Row(**row) for row in tomllib.loads((HERE / "rows.toml").read_text())["row"]]
    rows = [row for row in rows if (row.short or not args.short) and (args.only or "") in row.name]
    BUILD.mkdir(exist_ok=True)
    print(HEAD)
    passed = 0
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        powers = Powers(Path(folder))
        for row in rows:
            passed += row.check(powers, runs=1 if args.short else 3)
            print(row.line(), flush=True)
    if args.facts:
        Path(args.facts).write_text(json.dumps([{"name": row.name, **row.facts} for row in rows], indent=1))
    print(f"{passed} passed, {len(rows) - passed} failed")
    return 0 if rows and passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
