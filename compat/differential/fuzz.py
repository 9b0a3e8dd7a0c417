#!/usr/bin/env python3
"""Random circuits, compiled by circom and by zkflow, with witnesses by tape, module and snarkjs: every result is the same.

Usage: fuzz.py [--seconds N] [--seed N]. A circuit that differs is kept in compat/build/differences, and the exit code is 1.
Variables: ZKFLOW, ZKFLOW_TOOLS and CIRCOM_PATH as for circuits/table.py.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from generate import Circuit

HERE = Path(__file__).resolve().parent
COMPAT = HERE.parent
BUILD = COMPAT / "build"
TOOLS = Path(os.environ.get("ZKFLOW_TOOLS", COMPAT.parent / "tools")).resolve()
os.environ["ZKFLOW_TOOLS"] = str(TOOLS)
ZKFLOW = os.environ.get("ZKFLOW", "zkflow")
# Of circom alone: zkflow compiles with its own one.
CIRCOM = os.environ.pop("CIRCOM_PATH", None)
# Inputs of each circuit.
INPUTS = 8
# A native circom shifts constants by 2^32 bits and more, which takes memory without end.
CIRCOM_SECONDS = 120
LEVELS = ["--O0", "--O1", "--O2"]


class Difference(Exception):
    """Two programs disagree."""


def run(command, cwd, seconds=None):
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=seconds
    )
    return done.returncode == 0, done.stdout + done.stderr


def compile_both(folder, level):
    """Whether both compilers accept the circuit; the files must be equal."""
    # The circom of npm opens only files below the folder that it runs in.
    relative = lambda name: str((folder / name).relative_to(COMPAT))
    for name in ("own", "theirs"):
        (folder / name).mkdir()
    circom = [CIRCOM] if CIRCOM else ["node", str(TOOLS / "node_modules/circom2/cli.js")]
    arguments = [relative("circuit.circom"), "--r1cs", "--wasm", "--sym", level]
    accepted, _ = run([*circom, *arguments, "-o", relative("theirs")], COMPAT, CIRCOM_SECONDS)
    own, said = run([ZKFLOW, "compile", relative("circuit.circom"), level, "--out", relative("own")], COMPAT)
    if accepted != own:
        raise Difference(f"circom {'accepts' if accepted else 'refuses'} the source: {said}")
    for extension, path in (("r1cs", ""), ("wasm", "circuit_js"), ("sym", "")) if own else ():
        theirs = folder / "theirs" / path / f"circuit.{extension}"
        if (folder / "own" / f"circuit.{extension}").read_bytes() != theirs.read_bytes():
            raise Difference(f"the .{extension} differs")
    return own


def witnesses(folder, circuit, seen):
    own = folder / "own"
    for number in range(INPUTS):
        (folder / f"{number}.json").write_text(json.dumps(circuit.inputs()))
    command = ["node", str(HERE / "witnesses.cjs"), str(TOOLS), str(own / "circuit.wasm"), str(folder), str(INPUTS)]
    worked, said = run(command, folder)
    if not worked:
        raise Difference(f"snarkjs: {said}")
    # Without a tape beside it.
    shutil.copy(own / "circuit.wasm", own / "module.wasm")
    beside = ["--r1cs", "own/circuit.r1cs", "--sym", "own/circuit.sym"]
    for number in range(INPUTS):
        expected = folder / f"{number}.wtns"
        expected = expected.read_bytes() if expected.exists() else None
        for name in ("circuit", "module"):
            found = folder / f"{number}.{name}"
            command = [ZKFLOW, "witness", f"own/{name}.wasm", f"{number}.json", str(found), *beside]
            worked, said = run(command, folder)
            if worked != (expected is not None):
                raise Difference(f"inputs {number}, {name}: snarkjs {'accepts' if expected else 'refuses'}, {said}")
            if worked and found.read_bytes() != expected:
                raise Difference(f"inputs {number}, {name}: the witness differs: {said}")
            way = said.split("calculated by the ")[-1].split(",")[0] if worked else "refused by all"
            if name == "circuit":
                seen[way] += 1
            elif worked and way != "module":
                raise Difference(f"inputs {number}: expected the module, found {way}")


def one(seed, seen):
    source = random.Random(seed)
    circuit = Circuit(source)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        folder = Path(name)
        (folder / "circuit.circom").write_text(circuit.source)
        try:
            if compile_both(folder, source.choice(LEVELS)):
                seen["compiled"] += 1
                witnesses(folder, circuit, seen)
            else:
                seen["refused by both compilers"] += 1
        except subprocess.TimeoutExpired:
            seen["not compiled by circom in time"] += 1
        except Difference as difference:
            kept = BUILD / "differences" / str(seed)
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            print(f"seed {seed}: {difference}", flush=True)
            seen["different"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) << 20)
    parser.add_argument("--circuits", type=int, help="stop after this number of circuits")
    args = parser.parse_args()
    seen, end, seed = Counter(), time.monotonic() + args.seconds, args.seed
    while time.monotonic() < end and (args.circuits is None or seed < args.seed + args.circuits):
        one(seed, seen)
        seed += 1
    print(f"seeds {args.seed} to {seed - 1}: " + ", ".join(f"{count} {what}" for what, count in sorted(seen.items())))
    print(f"{seed - args.seed - seen['different']} passed, {seen['different']} failed")
    return 1 if seen["different"] or not seen["compiled"] else 0


if __name__ == "__main__":
    sys.exit(main())
