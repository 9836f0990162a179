#!/bin/sh
# Compiles a crate of this workspace so that it counts which of its edges are reached, as
# libFuzzer wants it. Cargo runs it in place of rustc: RUSTC_WORKSPACE_WRAPPER. All other crates are
# shared with the tests as they are.
exec "$@" --cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
