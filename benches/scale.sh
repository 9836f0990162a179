#!/bin/sh
# usage: benches/scale.sh [--commits N] [--rounds N] [DIRECTORY]
#
# What much evidence costs, by real pushes to a guarded server: two reports of 20 KB on each
# of 10,000 commits, and two reports of 10 MB on one. Prints time, processor time and peak of
# memory of the hook alone, the fastest of some rounds, with all cores and with one.
#
# Needs git, cargo and taskset. Run as root it takes real-time priority for the hook (chrt).
# REFGATE and EXAMPLES name a binary and a directory of examples that are built already,
# DIRECTORY is where it works (default: target/scale).
set -eu
commits=10000 rounds=3
while [ $# -gt 0 ]; do
    case $1 in
    --commits) commits=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
done
here=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
cd "$here"
: "${CARGO_TARGET_DIR:=$here/target}"
export CARGO_TARGET_DIR
dir=${1:-$CARGO_TARGET_DIR/scale}
rm -rf "$dir"
mkdir -p "$dir"
dir=$(CDPATH='' cd "$dir" && pwd)

target=$(benches/target.sh)
refgate=${REFGATE:-$CARGO_TARGET_DIR/$target/release/refgate}
[ -n "${REFGATE:-}" ] || benches/build.sh "$target"
examples=${EXAMPLES:-$CARGO_TARGET_DIR/release/examples}
[ -n "${EXAMPLES:-}" ] ||
    cargo build --quiet --release --example generate-repository --example measure-hook

# Who watches goes before who is watched: on one core it would not come to look.
watcher='' watched=''
if chrt -f 11 true 2>/dev/null; then watcher='chrt -f 11' watched='chrt -f 10'; fi

# The world of the pushes: no configuration of the user.
export HOME="$dir" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
evidence=refs/notes/refgate/evidence

# Makes a server without evidence that the hook guards, and a clone that has it.
guarded() {
    at=$dir/$1
    shift
    "$examples/generate-repository" --out "$at" --commits 100 "$@" >/dev/null
    server=$at/server.git
    git init -q --bare "$at/notes.git"
    git -C "$at/notes.git" fetch -q "file://$server" "$evidence:$evidence"
    git -C "$server" update-ref -d "$evidence"
    git -C "$server" gc -q --prune=now
    printf '[limits]\ntime-ms = 600000\n' >"$server/refgate.toml"
    mkdir -p "$server/hooks"
    printf '#!/bin/sh\nexec %s "%s" watch "%s" %s "%s" hook pre-receive\n' \
        "$watcher" "$examples/measure-hook" "$dir/figures" "$watched" "$refgate" >"$server/hooks/pre-receive"
    chmod +x "$server/hooks/pre-receive"
    git -C "$at/client.git" push -q "$server" refs/heads/main:refs/heads/topic
}

# Repeats a push, each time to the server as it was, and prints the fastest judgement of it.
pushes() {
    name=$1
    shift
    cp -a "$at" "$at.before"
    for cores in "" 0; do
        rm -f "$dir/figures"
        for _ in $(seq "$rounds"); do
            rm -rf "$at"
            cp -a "$at.before" "$at"
            ${cores:+taskset -c "$cores"} "$@" >"$dir/log" 2>&1 || {
                cat "$dir/log" >&2
                exit 1
            }
        done
        row "$name" "${cores:+one}"
    done
    rm -rf "$at.before"
}

row() {
    sort -n "$dir/figures" | head -n 1 | {
        read -r wall cpu peak
        printf '%-48s %5s %9s %9s %9s\n' "$1" "${2:-all}" "$wall" "$cpu" "$peak"
    }
}

sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c
printf 'load %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
printf '%-48s %5s %9s %9s %9s\n' "pushed, and judged by the hook" cores s "CPU s" "peak MiB"

guarded many --extra "$commits" --note-bytes 20480
pushes "notes of $commits commits" \
    git -C "$at/notes.git" push -q "$server" "$evidence"
pushes "$commits commits with two reports of 20 KB each" \
    git -C "$at/client.git" push -q "$server" refs/heads/main

guarded large --extra 1 --note-bytes 100 --report-bytes 10000000
commit=$(cat "$at/extra.txt")
git clone -q "$server" "$at/ci"
chmod 600 "$at/keys/ci"
git -C "$at/ci" fetch -q origin topic
git -C "$at/ci" config user.name ci
git -C "$at/ci" config user.email ci@example.org
pushes "two reports of 10 MB, by refgate attach" \
    "$refgate" -C "$at/ci" attach --push --key "$at/keys/ci" --sast "$at/report.sarif" \
    --tests "unit=$at/report.xml" "$commit"
pushes "one commit with these two reports" \
    git -C "$at/client.git" push -q "$server" refs/heads/main
rm "$dir/figures"
# shellcheck disable=SC2086 # several words
$watcher "$examples/measure-hook" watch "$dir/figures" $watched "$refgate" -C "$at/ci" attach --dry-run \
    --key "$at/keys/ci" --sast "$at/report.sarif" --tests "unit=$at/report.xml" "$commit" >/dev/null
row "refgate attach itself (--dry-run)"
rm -rf "$dir"
