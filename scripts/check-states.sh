#!/bin/sh
# doc/states.svg and the tables in doc/states.md are what the code says. Usage: check-states.sh COMMAND
set -eu
command=$1
cd "$(dirname "$0")/.."
"$command" states --svg | cmp - doc/states.svg ||
    { echo "doc/states.svg differs from the code: lastack states --svg > doc/states.svg"; exit 1; }
"$command" states --markdown | grep '^|' | while read -r line; do
    grep -qxF "$line" doc/states.md || { echo "doc/states.md lacks: $line"; exit 1; }
done
