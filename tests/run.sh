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
for tool in git:git ssh-keygen:openssh-client gpg:gnupg python3:python3 shellcheck:shellcheck cc:gcc openssl:openssl chromium:chromium; do
    if ! command -v "${tool%%:*}" >/dev/null 2>&1; then
        missing="$missing ${tool%%:*}"
        packages="$packages ${tool#*:}"
    fi
done
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

# ---- checks: those that need no build first, the tests last, so that their summary ends the output ----

run cargo fmt --check
# shellcheck disable=SC2046 # names of scripts hold no blanks
run shellcheck .ci/run hooks/* $(find . -path ./target -prune -o -name '*.sh' -print | sort)
run cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" run cargo doc --locked --no-deps
# nextest runs no doc tests; some show that what must not compile does not.
run cargo test --locked --doc
if cargo nextest --version >/dev/null 2>&1; then
    run cargo nextest run --locked --no-fail-fast
else
    run cargo test --locked --no-fail-fast --lib --bins --tests
fi
