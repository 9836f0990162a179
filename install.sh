#!/bin/sh
# Installs refgate, or shows what it does.
# Nothing is downloaded but the crates that cargo builds from, nothing is written
# but the build directory and what the options name.

set -eu

root=$(cd "$(dirname "$0")" && pwd)

usage() {
    cat <<'END'
usage: ./install.sh --demo [--binary FILE] [--directory DIR]
       ./install.sh [--prefix DIR] [--binary FILE] [--hook NAME]
                    [--trust-root COMMIT|KEY]... [REPOSITORY]...
       ./install.sh --uninstall [--prefix DIR] [REPOSITORY]...

--demo        build, make a throw-away server, and play real pushes to it:
              three that are refused, then one that is accepted
--directory   where the demo is made; must be empty or not exist yet
              [default: a new directory in $TMPDIR or /tmp]

Without --demo: build a release, install it as PREFIX/bin/refgate, and put its
hook into the repositories that are named. The hook starts PREFIX/bin/refgate,
so the users that git runs as on the server must be able to read it.

--prefix      [default: /usr/local for root, ~/.local for others]
--binary      install this file, and build nothing
--hook        pre-receive [default], or update for servers without it
--trust-root  what the first push must contain (a commit id) or be signed by
              (SHA256:... as ssh-keygen -lf prints it, or an OpenPGP
              fingerprint); needed while a repository has no meta/ yet

--uninstall   take the hook out of the repositories that are named, and put
              back what was there before. If none is named: out of all that
              were installed under this prefix, and remove the binary

A release is static: with musl where its Rust target and musl-gcc are there,
else with glibc where that can be linked statically.
END
}

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do
        printf 'hint: %s\n' "$hint" >&2
    done
    exit 2
}

say() {
    printf '%s\n' "$*"
}

need() {
    command -v "$1" >/dev/null 2>&1 || die "$1 is not here" "$2"
}

# ---- building ----

target_directory() {
    cargo metadata --manifest-path "$root/Cargo.toml" --format-version 1 --no-deps --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# Builds with a profile, for the target in $2 if that is not empty; the path
# of the binary is left in $binary.
build() {
    need cargo "install Rust, https://rustup.rs, or give a built refgate: --binary FILE"
    command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 ||
        die "no C compiler is here, which Rust links with and libgit2 is built with" \
            "on Debian: apt-get install gcc libc6-dev"
    say "building refgate (profile $1${2:+, $2})"
    set -- "$1" "${2:-}"
    # What is left out of a build that is only looked at.
    case $1 in release) features=sigstore ;; *) features= ;; esac
    cargo build --manifest-path "$root/Cargo.toml" --locked --profile "$1" --bin refgate \
        ${features:+--features "$features"} ${2:+--target "$2"} || die "refgate could not be built"
    case $1 in dev) built=debug ;; *) built=$1 ;; esac
    binary=$(target_directory)/${2:+$2/}$built/refgate
    [ -x "$binary" ] || die "cargo has built no $binary"
}

# Chooses how to link: prints a target for a static binary, or nothing.
static_target() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    case $host in
    *-linux-*) ;;
    *) return ;;
    esac
    musl=${host%%-*}-unknown-linux-musl
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$musl/lib" ] &&
        { [ "$host" = "$musl" ] || command -v musl-gcc >/dev/null 2>&1; }; then
        say "$musl"
        return
    fi
    # glibc is static where its archive is installed.
    probe=$(mktemp -d)
    printf 'int main(void) { return 0; }\n' >"$probe/probe.c"
    if ${CC:-cc} -static -o "$probe/probe" "$probe/probe.c" >/dev/null 2>&1; then
        say "$host"
    fi
    rm -rf "$probe"
}

build_release() {
    need cargo "install Rust, https://rustup.rs, or give a built refgate: --binary FILE"
    target=$(static_target)
    if [ -n "$target" ]; then
        # With --target the flag reaches the binary alone, and no procedural macro.
        RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
        export RUSTFLAGS
    else
        say "note: nothing here links statically, so the binary will need this system's libc"
    fi
    build release "$target"
}

# ---- the demo ----

demo() {
    need git "on Debian: apt-get install git"
    need ssh-keygen "the demo signs with it; on Debian: apt-get install openssh-client"
    # Unoptimised: ready in a third of the time, and tests/run.sh goes on from this build.
    [ -n "$binary" ] || build dev
    if [ -z "$directory" ]; then
        directory=$(mktemp -d "${TMPDIR:-/tmp}/refgate-demo.XXXXXX")
    fi
    mkdir -p "$directory"
    directory=$(cd "$directory" && pwd)
    [ -z "$(ls -A "$directory")" ] || die "$directory is not empty"
    exec sh "$root/demo/play.sh" "$binary" "$directory"
}

# ---- installing ----

# What was made below the prefix, in order: "directory NAME" and "repository PATH".
record() {
    say "$prefix/share/refgate/installed"
}

remember() {
    grep -qxF -e "$1" "$(record)" 2>/dev/null || printf '%s\n' "$1" >>"$(record)"
}

make_directories() {
    made=
    for name in / /share /share/refgate /bin; do
        [ -d "$prefix$name" ] || made="$made $name"
        mkdir -p "$prefix$name"
    done
    for name in $made; do
        remember "directory $name"
    done
}

install_binary() {
    make_directories
    touch "$(record)"
    # Moved into place, so that a hook that starts meanwhile finds a whole file.
    cp "$binary" "$prefix/bin/.refgate-new"
    chmod 755 "$prefix/bin/.refgate-new"
    mv -f "$prefix/bin/.refgate-new" "$prefix/bin/refgate"
    say "installed $prefix/bin/refgate, $("$prefix/bin/refgate" --version)"
}

# Manual pages and completions, where the shells look for them.
install_help() {
    for name in /share/man /share/man/man1 /share/bash-completion \
        /share/bash-completion/completions /share/zsh /share/zsh/site-functions \
        /share/fish /share/fish/vendor_completions.d; do
        if ! [ -d "$prefix$name" ]; then
            mkdir "$prefix$name"
            remember "directory $name"
        fi
    done
    "$prefix/bin/refgate" man "$prefix/share/man/man1"
    "$prefix/bin/refgate" completions bash \
        >"$prefix/share/bash-completion/completions/refgate"
    "$prefix/bin/refgate" completions zsh >"$prefix/share/zsh/site-functions/_refgate"
    "$prefix/bin/refgate" completions fish \
        >"$prefix/share/fish/vendor_completions.d/refgate.fish"
}

remove_help() {
    rm -f "$prefix/share/man/man1/refgate.1" "$prefix/share/man/man1/refgate-"*.1 \
        "$prefix/share/bash-completion/completions/refgate" \
        "$prefix/share/zsh/site-functions/_refgate" \
        "$prefix/share/fish/vendor_completions.d/refgate.fish"
}

# The absolute path of a directory.
absolute() {
    [ -d "$1" ] || die "$1 is no directory" "name a repository of the server"
    (cd "$1" && pwd)
}

install() {
    [ -n "$binary" ] || build_release
    if [ -d "$binary" ] || ! [ -x "$binary" ]; then
        die "$binary is no program"
    fi
    for repository in "$@"; do
        absolute "$repository" >/dev/null
    done
    install_binary
    install_help
    for repository in "$@"; do
        path=$(absolute "$repository")
        # shellcheck disable=SC2086 # roots are several words, and none holds a blank or a star
        "$prefix/bin/refgate" install --yes --hook "$hook" $roots "$path"
        remember "repository $path"
    done
    case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) say "note: $prefix/bin is not in your PATH" ;;
    esac
}

forget() {
    [ -f "$(record)" ] || return 0
    grep -vxF -e "$1" "$(record)" >"$(record).new" || true
    mv -f "$(record).new" "$(record)"
}

uninstall_hooks() {
    if [ -d "$1" ]; then
        # With --shared where nothing is to stay: a hook without its binary refuses every push.
        "$tool" uninstall ${2:+"$2"} "$1"
    else
        say "note: $1 is gone, and its hooks with it"
    fi
    forget "repository $1"
}

# The names of one kind in the record, the last first.
recorded() {
    [ -f "$(record)" ] || return 0
    sed -n "s/^$1 //p" "$(record)" | sed '1!G;h;$!d'
}

uninstall() {
    tool=${binary:-$prefix/bin/refgate}
    [ -x "$tool" ] || die "there is no $tool" "name where it was installed: --prefix DIR"
    if [ $# -gt 0 ]; then
        for repository in "$@"; do
            path=$(absolute "$repository")
            uninstall_hooks "$path"
        done
        return
    fi
    repositories=$(recorded repository)
    while IFS= read -r path; do
        [ -z "$path" ] || uninstall_hooks "$path" --shared </dev/null
    done <<END
$repositories
END
    directories=$(recorded directory)
    rm -f "$prefix/bin/refgate" "$(record)"
    remove_help
    for name in $directories; do
        # What others have put there since stays.
        rmdir "$prefix$name" 2>/dev/null || true
    done
    say "removed $prefix/bin/refgate"
}

# ---- the command line ----

action=install
binary=
directory=
hook=pre-receive
roots=
if [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; else prefix=${HOME:+$HOME/.local}; fi

# Options may stand anywhere; what is none goes round to the end of the list.
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
    --demo) action=demo ;;
    --uninstall) action=uninstall ;;
    --help | -h)
        usage
        exit 0
        ;;
    --binary | --directory | --prefix | --hook | --trust-root)
        [ "$left" -gt 0 ] || die "$word needs a value" "./install.sh --help"
        case $word in
        --binary) binary=$1 ;;
        --directory) directory=$1 ;;
        --prefix) prefix=$1 ;;
        --hook) hook=$1 ;;
        --trust-root)
            case $1 in
            *[!A-Za-z0-9:+/=]*) die "--trust-root '$1' is no commit id and no fingerprint" ;;
            esac
            roots="$roots --trust-root $1"
            ;;
        esac
        shift
        left=$((left - 1))
        ;;
    -*) die "there is no option $word" "./install.sh --help" ;;
    *) set -- "$@" "$word" ;;
    esac
done

[ -n "$prefix" ] || die "HOME is not set" "say where to install: --prefix DIR"
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac

case $action in
demo)
    [ $# -eq 0 ] || die "--demo makes its own repository" "./install.sh --demo"
    demo
    ;;
install) install "$@" ;;
uninstall) uninstall "$@" ;;
esac
