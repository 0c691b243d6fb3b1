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

for example in examples/*.c; do
    [ -e "$example" ] || continue
    gcc $flags "$example" -Wl,--start-group $libs -Wl,--end-group -o "$stage/${example##*/}.out" ||
        { echo "$example does not build with what is installed" && exit 1; }
    echo "$example builds with what is installed"
done

# pkg-config knows all that a program needs to link with a part.
if ! command -v pkg-config >/dev/null; then
    echo "pkg-config is not installed: its files are not checked" && exit 0
fi
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(find "$(cd "$stage" && pwd)" -type d -name pkgconfig)
for file in "$PKG_CONFIG_PATH"/*.pc; do
    part=$(basename "$file" .pc)
    echo 'int main(void) { return 0; }' | gcc -x c - $(pkg-config --cflags --libs "$part") -o "$stage/$part.out" ||
        { echo "pkg-config $part names a library that there is not" && exit 1; }
done
gcc $flags examples/echo.c $(pkg-config --cflags --libs lastack_inspect lastack_dev) -o "$stage/echo-pkg-config.out" ||
    { echo "examples/echo.c does not build with what pkg-config says" && exit 1; }
echo "a program builds with what pkg-config says about each part"
