#!/bin/sh
# Writes the digests of the npm packages that `zkflow setup` installs, for the versions in package.json.
# Run it after a change of these versions. It needs npm and network access, and refuses an archive that
# package-lock.json does not name.
set -eu
cd "$(dirname "$0")"
list=../zkflow-circom/src/compile/tools/pinned.sha256
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  echo '# Written by tools/pin.sh: each archive of the npm registry, then the files that are installed from it.'
  for package in circom2 circomlib solc; do
    version=$(node -p "require('./package.json').dependencies['$package']")
    locked=$(node -p "require('./package-lock.json').packages['node_modules/$package'].integrity")
    npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null
    cd "$work"
    found=sha512-$(openssl dgst -sha512 -binary "$package-$version.tgz" | base64 -w 0)
    [ "$found" = "$locked" ] || { echo "pin.sh: $package-$version.tgz has digest $found, expected $locked" >&2; exit 1; }
    mkdir "$package"
    tar -xzf "$package-$version.tgz" -C "$package" --strip-components 1
    sha256sum "$package-$version.tgz"
    find "$package" -path '*/test' -prune -o -type f \
      \( -name package.json -o -name LICENSE -o -name circom.wasm -o -name '*.circom' -o -name soljson.js \) -print |
      LC_ALL=C sort | xargs sha256sum
    cd - >/dev/null
  done
} >"$work/list"
mv "$work/list" "$list"
