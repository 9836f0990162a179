#!/bin/sh
# Prints the target that a static refgate is built for: musl where its standard
# library and a C compiler for it are there, else glibc.
set -eu
arch=$(uname -m)
musl=$arch-unknown-linux-musl
if [ -d "$(rustc --print sysroot)/lib/rustlib/$musl" ] && command -v musl-gcc >/dev/null; then
    echo "$musl"
else
    echo "$arch-unknown-linux-gnu"
fi
