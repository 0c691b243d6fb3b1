#!/bin/sh
# Runs every benchmark that the release preset has built, one after the other. Usage: scripts/bench.sh [OPTION…]
set -eu
cd "$(dirname "$0")/.."
for program in build/release/bench/*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    echo "== ${program##*/}"
    "$program" "$@"
done
