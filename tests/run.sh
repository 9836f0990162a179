#!/bin/sh
# Runs every check of the project: tools, format, scripts, lints, documentation, tests.
#
# As root on Debian and its relatives, tools that are missing are installed
# with apt-get; elsewhere the script says which and stops. No check is skipped.

set -eu

cd "$(dirname "$0")/.."

step() {
    printf '\n==> %s\n' "$*"
}

run() {
    step "$@"
    "$@"
}

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do
        printf 'hint: %s\n' "$hint" >&2
    done
    exit 2
}

# ---- tools: each program, and the Debian package that it comes in ----

packages=
missing=
for tool in git:git ssh-keygen:openssh-client gpg:gnupg python3:python3 shellcheck:shellcheck cc:gcc c++:g++ \
    /usr/sbin/sshd:openssh-server /usr/share/gitolite3/gitolite-shell:gitolite3 \
    unshare:util-linux mount:mount script:bsdutils adduser:adduser \
    /usr/sbin/nginx:nginx-light /usr/sbin/fcgiwrap:fcgiwrap openssl:openssl chromium:chromium \
    pdftotext:poppler-utils; do
    if ! command -v "${tool%%:*}" >/dev/null 2>&1; then
        missing="$missing ${tool%%:*}"
        packages="$packages ${tool#*:}"
    fi
done
# Debian keeps PostgreSQL's server out of the PATH, and Python's venv without pip in a package apart.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    missing="$missing initdb"
    packages="$packages postgresql"
fi
if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
    missing="$missing python3-venv"
    packages="$packages python3-venv"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        die "the tests need programs that are not here:$missing" \
            "on Debian: apt-get install$packages"
    fi
    step "apt-get install$packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # shellcheck disable=SC2086 # several words
    apt-get install -y -q --no-install-recommends $packages </dev/null
fi
command -v cargo >/dev/null 2>&1 || die "cargo is not here" "install Rust: https://rustup.rs"
cargo fmt --version >/dev/null 2>&1 || die "rustfmt is not here" "rustup component add rustfmt"
cargo clippy --version >/dev/null 2>&1 || die "clippy is not here" "rustup component add clippy"

# ---- Python: reference implementations and scanners, in an environment of their own ----

python=target/test-python
if ! cmp -s tests/requirements.txt "$python/requirements.txt"; then
    run python3 -m venv --clear "$python"
    run "$python/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$python/requirements.txt"
fi

# ---- checks: those that need no build first, the tests last, so that their summary ends the output ----

run cargo fmt --all --check
# shellcheck disable=SC2046 # names of scripts hold no blanks
run shellcheck .ci/run hooks/* $(find . -path ./target -prune -o -name '*.sh' -print | sort)
run cargo clippy --locked --workspace --all-targets --features sigstore -- -D warnings
RUSTDOCFLAGS="-D warnings" run cargo doc --locked --features sigstore --no-deps
# nextest runs no doc tests; some show that what must not compile does not.
run cargo test --locked --features sigstore --doc
REFGATE_FUZZ_SEED=1 run fuzz/run.sh 3
if cargo nextest --version >/dev/null 2>&1; then
    run cargo nextest run --locked --features sigstore --no-fail-fast
else
    run cargo test --locked --features sigstore --no-fail-fast --lib --bins --tests
fi
