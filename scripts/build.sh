#!/bin/sh
# Configures and builds one preset. Usage: scripts/build.sh PRESET [TARGET…]
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
mkdir -p build
if ! cmake --preset "$preset" >"build/$preset.configure.log" 2>&1; then
    cat "build/$preset.configure.log" >&2
    exit 1
fi
# On a terminal ninja shows its progress on one line; elsewhere it need not.
quiet=
[ -t 1 ] || quiet=--quiet
exec ninja -C "build/$preset" -j "$(nproc)" $quiet "$@"
