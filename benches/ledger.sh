#!/bin/sh
# usage: benches/ledger.sh [VERDICTS [LINES [DIRECTORY]]]
#
# Measures questions to large ledgers: a fleet's database of VERDICTS judgements
# (default 10000000: about 15 GB) beside the same at a twentieth, and the index of one server
# with LINES lines (default 1000000: about 2 GB). Makes a PostgreSQL cluster of its
# own below DIRECTORY (default: target/bench), without syncing, and removes it.
#
# Needs cargo and PostgreSQL's server. MEASURE names a measure-ledger that is built already.
set -eu
verdicts=${1:-10000000} lines=${2:-1000000}
here=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
: "${CARGO_TARGET_DIR:=$here/target}"
export CARGO_TARGET_DIR
if [ -z "${MEASURE:-}" ]; then
    (cd "$here" && cargo build --quiet --release --example measure-ledger)
    MEASURE=$CARGO_TARGET_DIR/release/examples/measure-ledger
fi
mkdir -p "${3:-$CARGO_TARGET_DIR/bench}"
dir=$(mktemp -d "${3:-$CARGO_TARGET_DIR/bench}/ledger.XXXXXX")
programs=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "PostgreSQL's server is not here" >&2; exit 2; }
programs=$(dirname "$programs")

# PostgreSQL does not run as root.
as() {
    if [ "$(id -u)" = 0 ]; then (cd "$dir" && runuser -u postgres -- "$@"); else "$@"; fi
}
# shellcheck disable=SC2317 # called by the trap
clean() {
    as "$programs/pg_ctl" -s -m immediate -D "$dir/pg" stop >&2 || :
    rm -rf "$dir"
}
mkdir "$dir/files"
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; chmod 755 "$dir"; fi
trap clean EXIT
trap 'exit 130' INT TERM
"$MEASURE" files "$dir/files" "$lines"
rm -r "$dir/files"
if [ "$verdicts" = 0 ]; then exit 0; fi
as "$programs/initdb" -A trust -U refgate -E UTF8 --no-sync -D "$dir/pg" >/dev/null
options="-c listen_addresses= -c unix_socket_directories=$dir -c fsync=off -c synchronous_commit=off"
options="$options -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=2GB"
options="$options -c shared_buffers=512MB -c maintenance_work_mem=256MB"
as "$programs/pg_ctl" -w -s -o "$options" -D "$dir/pg" -l "$dir/log" start
"$MEASURE" fleet "postgresql://refgate@$(printf %s "$dir" | sed 's|/|%2F|g')/postgres" "$verdicts" "$((verdicts / 20))"
