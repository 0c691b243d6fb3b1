#!/bin/sh
# Every C file is as clang-format 14 writes it. Another version writes some lines otherwise: then nothing is checked.
set -eu
cd "$(dirname "$0")/.."
if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "skipped: this is not clang-format 14"
    exit 77
fi
wrong=$(find src include tests tool bench examples -name '*.[ch]' | sort | while read -r file; do
    clang-format --dry-run -Werror "$file" 2>/dev/null || echo "$file"
done)
if [ -n "$wrong" ]; then
    echo "clang-format writes these files otherwise (make format):"
    echo "$wrong"
    exit 1
fi
