#!/bin/sh
# Fuzzes each target for some seconds, as many at a time as there are cores.
#
#     fuzz/run.sh [SECONDS [TARGET...]]
#     fuzz/run.sh --input FILE TARGET     runs a target once, on one input
#
# Seeds are the reports of tests/corpus and, where it is at hand, of the larger collection
# ../shared/corpus that they were taken from. Needs a C++ compiler for the engine, and no
# nightly Rust. Of the project, refgate alone is built for this (see instrument.sh).
set -eu

cd "$(dirname "$0")/.."

# Chance begins here: 0 is another beginning each time. tests/run.sh sets one, so that what is
# found there is found again.
seed=${REFGATE_FUZZ_SEED:-0}
# Larger seeds take longer than the few seconds that there are.
largest=64k
logs=target/fuzz
program=target/debug/refgate-fuzz

# What one target says is kept in its log; a line of it is shown.
if [ "${1:-}" = --one ]; then
    seconds=$2 target=$3
    log=$logs/$target.log
    mkdir -p "fuzz/corpus/$target" fuzz/artifacts
    list=$logs/$target.seeds
    # shellcheck disable=SC2013 # they are words
    for directory in $(sed -n "s/^$target //p" "$logs/targets"); do
        case $directory in
        corpus*)
            for corpus in tests ../shared ../../shared; do
                [ ! -d "$corpus/$directory" ] || find "$corpus/$directory" -type f -size "-$largest"
            done
            ;;
        *) find "$directory" -type f -size "-$largest" ;;
        esac
    done | grep -v ',' | paste -s -d , - > "$list"
    # An input may take 10 seconds and 1 GB at most.
    status=0
    REFGATE_FUZZ_TARGET=$target "$program" -seed="$seed" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target-" \
        -seed_inputs="@$list" "fuzz/corpus/$target" > "$log" 2>&1 || status=$?
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ "$status" -ne 0 ]; then
        sed -n '/panicked at/,+1p; /^==[0-9]*== ERROR/p' "$log" >&2
        echo "error: fuzz target $target failed on ${input:-no input: see $log}" >&2
        [ -z "$input" ] || echo "hint: fuzz/run.sh --input $input $target" >&2
        exit 1
    fi
    # A program that does not count what is reached would fuzz blindly, and find little.
    if ! grep -q 'cov: [1-9]' "$log"; then
        echo "error: fuzz target $target reports no coverage: see $log" >&2
        exit 1
    fi
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
    covered=$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$log")
    printf '%-14s %8s runs, %6s edges\n' "$target" "$runs" "$covered"
    exit 0
fi

RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/instrument.sh cargo build --quiet --locked --package refgate-fuzz

if [ "${1:-}" = --input ]; then
    REFGATE_FUZZ_TARGET=$3 exec "$program" "$2"
fi
seconds=${1:-5}
[ $# -eq 0 ] || shift
mkdir -p "$logs"
# Without a target the program lists them, each with its places of seeds; the engine warns that
# it has no sanitizer.
REFGATE_FUZZ_TARGET='' "$program" > "$logs/targets" 2> "$logs/list.log"
# shellcheck disable=SC2046 # several targets
[ $# -gt 0 ] || set -- $(cut -d ' ' -f 1 "$logs/targets")
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" fuzz/run.sh --one "$seconds"
