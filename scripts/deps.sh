#!/bin/sh
# Installs the Debian packages that the named groups need and this machine lacks, naming them first.
# Usage: scripts/deps.sh GROUP…   (build run inspect claims test cross fuzz bench tidy format)
set -eu

# The 32-bit half of the compiler is named after its version. gcc-multilib would be the general name, but it conflicts
# with every cross compiler.
gcc_major() { gcc -dumpversion 2>/dev/null | cut -d. -f1; }

packages() {
    case $1 in
    build) echo "gcc libc6-dev cmake ninja-build libcmocka-dev libmnl-dev libjansson-dev libdw-dev libncurses-dev" ;;
    run) packages build && echo "curl" ;;
    claims) packages build && echo "python3 iproute2 procps curl nginx-light" ;;
    test) packages run && packages inspect && packages claims && packages cross && packages fuzz && packages bench && packages format ;;
    inspect) echo "python3 python3-jsonschema iproute2 util-linux net-tools lsof tmux nginx-light curl prometheus" ;;
    cross)
        if [ "$(dpkg --print-architecture)" = amd64 ]; then
            echo "libc6-dev-i386 lib32gcc-$(gcc_major)-dev gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user gcc-arm-none-eabi"
        fi
        ;;
    fuzz) packages build && echo "python3 clang libclang-rt-dev" ;;
    bench) packages build && echo "python3 liblwip-dev" ;;
    tidy) packages build && echo "clang-tidy" ;;
    format) echo "clang-format" ;;
    *) echo "deps.sh: no group is called $1" >&2 && return 1 ;;
    esac
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
is_known() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_packages() {
    as_root apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system: install what corresponds to these packages, if it is missing:"
    for group in "$@"; do packages "$group" 2>/dev/null; done | xargs -n1 | sort -u | xargs
    exit 0
fi

wanted=$(for group in "$@"; do packages "$group" || exit 1; done)
missing=
for package in $(echo "$wanted" | xargs -n1 | sort -u); do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "These Debian packages are missing and are installed now:$missing"
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "deps.sh: neither root nor sudo; run as root: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
for package in $missing; do
    is_known "$package" || { as_root apt-get update -q && break; }
done
# Package lists that are there may still be too old for the archive.
# shellcheck disable=SC2086
install_packages $missing || { as_root apt-get update -q && install_packages $missing; }
