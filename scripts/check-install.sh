#!/bin/sh
# What is installed is enough: every header compiles alone, and the examples build and link with nothing but it.
# Usage: scripts/check-install.sh BUILD_DIR
set -eu
cd "$(dirname "$0")/.."
build=$1
stage=$build/stage
rm -rf "$stage"
cmake --install "$build" --prefix "$stage" >"$build/install.log"
libs=$(find "$stage" -name 'liblastack*.a' | sort -r)
flags="-std=c11 -pedantic -Wall -Wextra -Werror -I $stage/include"

for header in "$stage"/include/lastack/*.h; do
    echo "#include <lastack/${header##*/}>" | gcc $flags -fsyntax-only -x c - ||
        { echo "$header does not compile alone" && exit 1; }
done

find "$stage" -name liblastack-packetdrill.so | grep -q . || { echo "liblastack-packetdrill.so is not installed" && exit 1; }

foreign=$(sed -n 's/^Libs: .*-llastack[a-z_]*//p' "$stage"/lib*/pkgconfig/*.pc "$stage"/lib/*/pkgconfig/*.pc 2>/dev/null |
    tr ' ' '\n' | sort -u | tr '\n' ' ')
for example in examples/*.c; do
    [ -e "$example" ] || continue
    gcc $flags "$example" -Wl,--start-group $libs -Wl,--end-group $foreign -o "$stage/${example##*/}.out" ||
        { echo "$example does not build with what is installed" && exit 1; }
    echo "$example builds with what is installed"
done
