#!/usr/bin/env python3
"""Checks the structure of the workspace; exits with 1 and a list of findings if it does not hold.

1. Crates depend on each other in the order of ORDER only.
2. Light crates stay free of heavy dependencies (FREE_OF).
3. There are no circles between modules. Below each module, the child modules import each other one way: an import of
   `crate::a::x` in module `a::y` is an edge from `y` to `x`. Imports between a module and its own ancestors do not count,
   tests do not count.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# Each crate may depend on those before it.
ORDER = [
    "zkflow-client",
    "zkflow-bn254",
    "zkflow-groth16",
    "zkflow-cuda",
    "zkflow-circom",
    "zkflow-core",
    "zkflow-store",
    "zkflow-queue",
    "zkflow-evm",
    "zkflow-server",
    "zkflow-bench",
    "zkflow-cli",
]
# Crates of one floor: they do not depend on each other.
FLOORS = [{"zkflow-cuda", "zkflow-circom"}, {"zkflow-store", "zkflow-evm"}, {"zkflow-queue", "zkflow-evm"}, {"zkflow-server", "zkflow-bench"}]

ASYNC = ["tokio", "async-trait", "futures", "hyper", "axum", "reqwest"]
CIRCOM = ["wasmtime", "wasmparser", "wasm-encoder", "handlebars"]
# (package, cargo flags, packages that must not be in its tree)
FREE_OF = [
    ("zkflow-bn254", [], ASYNC + CIRCOM + ["serde", "serde_json"]),
    ("zkflow-groth16", [], ASYNC + CIRCOM),
    ("zkflow-groth16", ["--no-default-features"], ASYNC + CIRCOM + ["hmac", "tempfile"]),
    ("zkflow-cuda", [], ASYNC + CIRCOM),
    # wasmtime depends on the macro of async-trait, and on no runtime.
    ("zkflow-circom", [], [name for name in ASYNC if name != "async-trait"]),
    ("zkflow-core", [], [name for name in ASYNC if name != "async-trait"] + ["uuid", "jiff"]),
    ("zkflow-core", ["--no-default-features"], ASYNC + CIRCOM),
    ("zkflow-store", ["--no-default-features"], ["rusqlite", "mongodb", "aws-sdk-s3", "axum"]),
    ("zkflow-queue", ["--no-default-features"], ["rusqlite", "redis", "axum"]),
    ("zkflow-cli", [], ["cudarc", "ark-circom"]),
    ("zkflow-cli", ["--no-default-features"], ["axum", "rusqlite", "redis", "mongodb", "aws-sdk-s3", "alloy", "ark-groth16"]),
]

# Modules whose imports do not count. `compiled` implements a trait for the two curves by functions that are generic over
# that trait: the knot is the purpose of the file.
KNOTS = {("zkflow-bn254", "compiled")}

ROOT = Path(__file__).resolve().parent.parent


def main():
    findings = crate_order() + forbidden_dependencies() + module_circles()
    for finding in findings:
        print(f"structure: {finding}", file=sys.stderr)
    sys.exit(1 if findings else 0)


def metadata():
    command = ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def crate_order():
    findings = []
    for package in metadata()["packages"]:
        name = package["name"]
        if name not in ORDER:
            continue
        for dependency in package["dependencies"]:
            other = dependency["name"]
            if dependency["kind"] == "dev" or other not in ORDER:
                continue
            same_floor = any(name in floor and other in floor for floor in FLOORS)
            if same_floor or ORDER.index(other) >= ORDER.index(name):
                findings.append(f"{name} depends on {other}, which is not below it")
    return findings


def forbidden_dependencies():
    findings = []
    for package, flags, forbidden in FREE_OF:
        command = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", package, *flags]
        lines = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
        names = {line.split()[0] for line in lines if line.strip()}
        findings += [
            f"{' '.join([package, *flags])}: {name} is in its dependency tree" for name in forbidden if name in names
        ]
    return findings


def module_circles():
    findings = []
    for source in sorted(ROOT.glob("*/src")):
        modules = {module_path(source, file): file for file in source.rglob("*.rs") if "tests" not in file.stem}
        for parent, edges in sibling_edges(modules).items():
            edges = {a: b for a, b in edges.items() if (source.parent.name, *parent, a) not in KNOTS}
            circle = find_circle(edges)
            if circle:
                where = "::".join([source.parent.name, *parent])
                ties = "; ".join(f"{a} -> {b} ({edges[a][b]})" for a, b in zip(circle, circle[1:]))
                findings.append(f"circle between modules of {where}: {ties}")
    return findings


def module_path(source, file):
    parts = file.relative_to(source).with_suffix("").parts
    if parts in (("lib",), ("main",)):
        return ()
    return parts[:-1] if parts[-1] == "mod" else parts


def sibling_edges(modules):
    """For each module: which of its children import which, with one example."""
    below = {}
    for module, file in modules.items():
        for target in imports(file.read_text(), module):
            # The deepest module that the path names; the rest are items.
            while target not in modules:
                target = target[:-1]
            common = 0
            while common < min(len(module), len(target)) and module[common] == target[common]:
                common += 1
            if common < len(module) and common < len(target):
                children = below.setdefault(module[:common], {}).setdefault(module[common], {})
                children.setdefault(target[common], "::".join(module) + " uses " + "::".join(target))
    return below


def imports(text, module):
    """Paths within the crate that a file names, absolute."""
    text = re.sub(r"#\[cfg\(test\)\]\s*(pub\S* )?mod \w+ \{.*", "", text, flags=re.S)
    text = re.sub(r"//.*", "", text)
    for match in re.finditer(r"\b(crate|(?:super::)*super|self)::((?:\w+|::|\{|\}|,|\s)+)", text):
        base = {"crate": (), "self": module}.get(match[1], module[: len(module) - match[1].count("super")])
        for path in expand(re.sub(r"\s+", " ", match[2])):
            yield base + path


def expand(text):
    """`a::{b, c::d}` to `(a, b)` and `(a, c, d)`; stops where the path ends."""
    prefix = []
    position = 0
    while match := re.compile(r"\s*(\w+)\s*(::)?").match(text, position):
        prefix.append(match[1])
        position = match.end()
        if not match[2]:
            return [tuple(prefix)]
    if not text[position:].lstrip().startswith("{"):
        return [tuple(prefix)]
    depth, start, paths = 0, position + text[position:].index("{") + 1, []
    item = start
    for index in range(start, len(text)):
        letter = text[index]
        if letter == "{":
            depth += 1
        elif letter in ",}" and depth == 0:
            if text[item:index].strip():
                paths += [tuple(prefix) + path for path in expand(text[item:index])]
            item = index + 1
            if letter == "}":
                break
        elif letter == "}":
            depth -= 1
    return paths or [tuple(prefix)]


def find_circle(edges):
    state = {}

    def visit(node, path):
        state[node] = "open"
        for other in edges.get(node, {}):
            if state.get(other) == "open":
                return path[path.index(other) :] + [other]
            if other not in state and (circle := visit(other, path + [other])):
                return circle
        state[node] = "done"
        return None

    for node in list(edges):
        if node not in state and (circle := visit(node, [node])):
            return circle
    return None


if __name__ == "__main__":
    main()
