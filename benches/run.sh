#!/bin/sh
# usage: benches/run.sh [--rounds N] [--quick] [DIRECTORY]
#
# Builds the hook as it is released, generates repositories below DIRECTORY
# (default: target/bench), and measures the hook against hooks that do nothing and against
# hooks that ask git. Prints ratios from one interleaved run each. --quick
# leaves out the large repositories.
#
# Needs git, cargo and ssh-keygen. Run as root it takes real-time priority (chrt),
# which keeps the other programs of the machine out of the figures. REFGATE and
# EXAMPLES name a binary and a directory of examples that are built already.
set -eu
rounds=60 quick=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --quick) quick=1; shift ;;
    -*) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) break ;;
    esac
done
here=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
cd "$here"
: "${CARGO_TARGET_DIR:=$here/target}"
export CARGO_TARGET_DIR
dir=${1:-$CARGO_TARGET_DIR/bench}
mkdir -p "$dir"
dir=$(CDPATH='' cd "$dir" && pwd)

say() { printf '\n== %s\n' "$*"; }

say build
target=$("$here/benches/target.sh")
refgate=${REFGATE:-$CARGO_TARGET_DIR/$target/release/refgate}
if [ -z "${REFGATE:-}" ]; then
    "$here/benches/build.sh" "$target"
fi
examples=${EXAMPLES:-$CARGO_TARGET_DIR/release/examples}
if [ -z "${EXAMPLES:-}" ]; then
    # What measures is not what is measured: it needs no optimisation across crates.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo build --quiet --release --example generate-repository --example measure-hook
fi
printf 'fn main() {}\n' >"$dir/noop.rs"
rustc -O -C panic=abort -C strip=symbols -C target-feature=+crt-static --target "$target" \
    -o "$dir/noop" "$dir/noop.rs"
printf '#!/bin/sh\nexit 0\n' >"$dir/noop-sh"
cat >"$dir/verify-commit" <<'EOF'
#!/bin/sh
# What administrators write: git verify-commit on every new commit.
while read -r old new ref; do
    case $old in *[!0]*) range=$old..$new ;; *) range=$new ;; esac
    for commit in $(git rev-list "$range"); do
        git -c gpg.ssh.allowedSignersFile="$KEYS/allowed_signers" verify-commit "$commit" 2>/dev/null || exit 1
    done
done
EOF
printf '#!%s hook=pre-receive\n' "$refgate" >"$dir/pre-receive"
chmod +x "$dir/noop-sh" "$dir/verify-commit" "$dir/pre-receive"
printf 'refgate: %s bytes, for %s\n' "$(wc -c <"$refgate")" "$target"

say generate
generate() {
    name=$1
    shift
    # Evidence ages: a repository of yesterday is made anew.
    if [ -n "$(find "$dir/$name/meta.json" -mmin -720 2>/dev/null)" ]; then return; fi
    rm -rf "${dir:?}/$name"
    "$examples/generate-repository" --out "$dir/$name" --extra $((rounds + 10)) "$@"
}
generate base --commits 1000
set -- "$dir/base"
if [ -z "$quick" ]; then
    generate refs-packed --commits 1000 --refs 10000
    generate refs-loose --commits 1000 --refs 10000 --loose-refs
    generate reftable --commits 1000 --reftable
    generate refs-reftable --commits 1000 --refs 10000 --reftable
    generate files --commits 1000 --files 50000
    generate notes --commits 1000 --notes 100000
    generate packs --commits 1000 --packs 50
    generate history --commits 100000
    set -- "$@" "$dir/refs-packed" "$dir/refs-loose" \
        "$dir/reftable" "$dir/refs-reftable" "$dir/files" "$dir/notes" "$dir/packs" "$dir/history"
fi

measure=$examples/measure-hook
if chrt -f 10 true 2>/dev/null; then measure="chrt -f 10 $measure"; fi
sed -n 's/^model name[^:]*: //p;' /proc/cpuinfo | sort | uniq -c
git --version

say "one commit, full gate"
$measure process --rounds "$rounds" noop="$dir/noop" ours="$refgate hook pre-receive" -- "$@"
say "one commit to a branch that nobody protects"
$measure process --rounds "$rounds" --ref refs/heads/topic \
    noop="$dir/noop" ours="$refgate hook pre-receive" -- "$dir/base"
say "git push, one commit"
export KEYS="$dir/base/keys"
$measure push --rounds "$rounds" none= noop="$dir/noop" noop-sh="$dir/noop-sh" \
    pre-receive="$dir/pre-receive" installed:ours="$refgate" git-verify-commit="$dir/verify-commit" -- "$dir/base"
