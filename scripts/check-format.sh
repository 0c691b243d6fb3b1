#!/bin/sh
# Every C file is as clang-format 14 writes it. Another version writes some lines otherwise: then nothing is checked.
set -eu
cd "$(dirname "$0")/.."
if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "skipped: this is not clang-format 14"
    exit 77
fi
wrong=$(find src include tests tool plugin bench examples -name '*.[ch]' | sort | xargs clang-format --dry-run 2>&1 |
    sed -n 's/:[0-9]*:[0-9]*: warning: .*//p' | uniq)
if [ -n "$wrong" ]; then
    echo "clang-format writes these files otherwise (make format):"
    echo "$wrong"
    exit 1
fi
