#!/usr/bin/env python3
"""Compares the public API of each crate with its snapshot in tools/api; `--update` writes the snapshots.

Needs cargo-public-api (see CARGO_PUBLIC_API in the Makefile) and a rustdoc that writes JSON: RUSTC_BOOTSTRAP lets the
stable one do so.
"""

import difflib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOTS = ROOT / "tools" / "api"
CRATES = ["bn254", "groth16", "circom", "core", "store", "queue", "evm", "server"]
# Only rustdoc itself sees the variable: with it, Cargo would build all dependencies again.
RUSTDOC = '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc -Z unstable-options --output-format json "$@"\n'


def main():
    update = "--update" in sys.argv[1:]
    folder = write_json()
    different = False
    for crate in CRATES:
        path = SNAPSHOTS / f"zkflow-{crate}.txt"
        now = public_api(folder / f"zkflow_{crate}.json")
        if update:
            path.write_text(now)
            continue
        before = path.read_text() if path.exists() else ""
        lines = difflib.unified_diff(before.splitlines(), now.splitlines(), str(path), "now", lineterm="", n=0)
        for line in lines:
            different = True
            print(line)
    if different:
        sys.exit("api: the public API differs from its snapshot: `make api UPDATE=--update` accepts the change")


def write_json():
    """Runs rustdoc over the workspace; returns the folder of its output."""
    with tempfile.TemporaryDirectory() as folder:
        rustdoc = Path(folder) / "rustdoc"
        rustdoc.write_text(RUSTDOC)
        rustdoc.chmod(0o755)
        environment = dict(os.environ, RUSTDOC=str(rustdoc))
        subprocess.run(
            ["cargo", "doc", "--locked", "--workspace", "--no-deps", "--quiet"],
            cwd=ROOT, env=environment, check=True,
        )
    metadata = ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]
    output = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(output)["target_directory"]) / "doc"


def public_api(path):
    command = ["cargo", "public-api", "--rustdoc-json", str(path), "-sss"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


main()
