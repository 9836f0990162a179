#!/bin/sh
# usage: benches/build.sh [TARGET]   builds refgate as it is released: static, for TARGET
set -eu
cd "$(dirname "$0")/.."
target=${1:-$(benches/target.sh)}
# As install.sh does it. Without --target the flags would reach procedural macros, which cannot be static.
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static -C relocation-model=static"
export RUSTFLAGS
case $target in
*-musl) export "CC_$(echo "$target" | tr - _)=musl-gcc" ;;
esac
cargo build --release --target "$target" --bin refgate
