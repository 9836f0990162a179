#!/bin/sh
# Prints the target that a static refgate is built for. glibc, even where musl is
# at hand: its allocator makes the full gate a quarter faster (docs/performance.md).
set -eu
echo "$(uname -m)-unknown-linux-gnu"
