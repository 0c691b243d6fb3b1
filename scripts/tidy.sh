#!/bin/sh
# clang-tidy over every source of the debug preset (checks: .clang-tidy). Usage: scripts/tidy.sh [FILE…]
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
cmake --preset debug >build/debug.configure.log 2>&1 || { cat build/debug.configure.log >&2 && exit 1; }
[ $# -gt 0 ] || set -- $(find src tool plugin examples -name '*.c' | sort)
echo "clang-tidy: $# files"
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/debug --extra-arg=-Wno-unknown-warning-option \
    2>/dev/null
echo "clang-tidy: clean"
