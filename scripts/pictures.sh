#!/bin/sh
# The pictures of the pages, drawn by the command: the state machine, and a time-sequence picture of each scene.
# Usage: scripts/pictures.sh COMMAND           writes doc/states.svg and doc/recovery/SCENE.svg
#        scripts/pictures.sh COMMAND --check   says which of those in doc/recovery are not what the command draws
#
# The pictures in doc/recovery exist as soon as doc/recovery.md does. check-states.sh looks after the other one.
set -eu
command=$1
mode=${2:-write}
cd "$(dirname "$0")/.."

scenes() { "$command" plot --scene list | cut -d' ' -f1; }

if [ "$mode" != --check ]; then
    "$command" states --svg >doc/states.svg
    mkdir -p doc/recovery
    for scene in $(scenes); do
        "$command" plot --scene "$scene" -o "doc/recovery/$scene.svg"
    done
    exit 0
fi

if [ ! -e doc/recovery.md ]; then
    echo "doc/recovery.md does not exist, and needs no pictures" && exit 0
fi
wrong=0
for scene in $(scenes); do
    "$command" plot --scene "$scene" | cmp - "doc/recovery/$scene.svg" || wrong=1
done
for picture in doc/recovery/*.svg; do
    scene=$(basename "$picture" .svg)
    scenes | grep -qxF "$scene" || { echo "$picture shows no scene of lastack plot --scene list" && wrong=1; }
done
[ $wrong = 0 ] || echo "The pictures differ from what the code does; look at them after: make pictures"
exit $wrong
