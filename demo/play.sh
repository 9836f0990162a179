#!/bin/sh
# Plays real pushes to a throw-away server that refgate guards.
#
# Called by ./install.sh --demo:  demo/play.sh BINARY DIRECTORY
#
# Everything is made below DIRECTORY, which must be empty: a bare repository
# with the hook, a clone and a key for each person, a copy of the binary. Each
# push is checked: the script fails if the server does not say what it should,
# or if a ref is not where it should be. Nothing outside of DIRECTORY is read
# but the sample reports in tests/corpus, and nothing outside is written.

set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
binary=$1
demo=$2
corpus=$source/tests/corpus

# The world of the demo: no configuration of the user, no agent.
unset XDG_CONFIG_HOME GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM SSH_AUTH_SOCK
for variable in $(git rev-parse --local-env-vars); do
    unset "$variable"
done
export HOME="$demo/home" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
export PATH="$demo/bin:$PATH"
mkdir -p "$demo/bin" "$demo/home" "$demo/keys"
cp "$binary" "$demo/bin/refgate"
log=$demo/log

fail() {
    printf 'error: %s\n' "$1" >&2
    printf 'hint: the demo is left in %s\n' "$demo" >&2
    exit 1
}

# Runs what a step needs without showing it, unless it fails.
quietly() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "this failed: $*"
    }
}

as() {
    who=$1
    shift
    (cd "$demo/$who" && exec "$@")
}

step() {
    printf '\n--- %s\n\n' "$1"
    shift
    for line in "$@"; do
        printf '%s\n' "$line"
    done
    printf '\n'
}

main_is() {
    git -C "$demo/server.git" rev-parse --verify --quiet refs/heads/main || echo none
}

# Shows a command of somebody and what it prints, and leaves the printed lines in the log.
show() {
    who=$1
    shift
    printf '    %s$ %s\n' "$who" "$*"
    status=0
    as "$who" "$@" >"$log" 2>&1 || status=$?
    sed -e 's/[[:space:]]*$//' -e 's/^\(.\)/    \1/' "$log"
}

# A push that the server must refuse for one reason, which is a code.
refused() {
    code=$1
    who=$2
    shift 2
    before=$(main_is)
    show "$who" git push "$@"
    [ "$status" -ne 0 ] || fail "the push was accepted"
    found=$(sed -n 's/^remote: error\[\([a-z-]*\)\].*/\1/p' "$log")
    [ "$found" = "$code" ] || fail "refused for '$found' and not for '$code'"
    [ "$(main_is)" = "$before" ] || fail "the push was refused, and main has moved"
    printf '\n==> refused; main is where it was\n'
}

# A push that the server must accept.
accepted() {
    who=$1
    commit=$(as "$who" git rev-parse "$2")
    shift 2
    show "$who" git push "$@"
    [ "$status" -eq 0 ] || fail "the push was refused"
    [ "$(main_is)" = "$commit" ] || fail "the push was accepted, and main is elsewhere"
    printf '\n==> accepted; main is now %.12s\n' "$commit"
}

fingerprint() {
    ssh-keygen -lf "$demo/keys/$1.pub" | cut -d ' ' -f 2
}

# Makes a key and a clone whose own configuration says all that is needed, so
# that the clone works the same when somebody tries it later.
person() {
    quietly ssh-keygen -q -t ed25519 -N '' -C "$1 (refgate demo)" -f "$demo/keys/$1"
    quietly git clone -q "$demo/server.git" "$demo/$1"
    for setting in "user.name=$2" "user.email=$1@example.org" gpg.format=ssh \
        gpg.ssh.program=ssh-keygen "user.signingKey=$demo/keys/$1" commit.gpgSign=false \
        core.hooksPath=.git/hooks push.default=upstream advice.pushUpdateRejected=false; do
        quietly git -C "$demo/$1" config "${setting%%=*}" "${setting#*=}"
    done
}

# Commits a file on a topic of Ben's, from where main is, and pushes the topic.
topic() {
    quietly as ben git fetch -q
    quietly as ben git checkout -q --no-track -b "$1" origin/main
    mkdir -p "$demo/ben/net"
    printf '%s\n' "$3" >"$demo/ben/$2"
    quietly as ben git add -A
    quietly as ben git commit -q -m "$4"
    quietly as ben git push -q origin "$1"
}

# CI attaches what its tools wrote about a topic: the SAST report is the second argument.
ci_runs() {
    tests=$corpus/junit/pytest-9.2.0-smoke-allpass.xml
    quietly as ci git fetch -q
    quietly as ci refgate attach --push --sast "$corpus/sarif/$2" \
        --sbom "$corpus/cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json" \
        --dependencies "$corpus/sarif/trivy-0.59.1-fs-secret-goapp-nofindings.sarif" \
        --tests "unit=$tests" --tests "integration=$tests" --tests "smoke=$tests" "origin/$1"
}

approves() {
    quietly as "$1" git fetch -q
    quietly as "$1" refgate approve "$2" --push
}

cat <<END
refgate demo: a server, three people, a CI robot, and real pushes.

    Ada and Ben   maintain the project
    Cleo          reviews net/
    CI            signs what scanners and tests report

A change of net/ lands on main with clean scans, passed tests, and the
approvals of a maintainer and of Cleo, none of whom wrote it.
END

quietly git init -q --bare -b main "$demo/server.git"
for name in ada:'Ada Lovelace' ben:'Ben Ito' cleo:'Cleo Roth' ci:'Build Robot'; do
    person "${name%%:*}" "${name#*:}"
done
quietly refgate install --trust-root "$(fingerprint ada)" "$demo/server.git"
# Somebody's own core.hooksPath would switch the hook off when they try the server by hand.
quietly git -C "$demo/server.git" config core.hooksPath "$demo/server.git/hooks"
quietly as ada git symbolic-ref HEAD refs/heads/main
quietly as ada refgate init --repository git.example.org/demo/app
cat >"$demo/ada/meta/STRUCTURE.md" <<END
# Who does what

## Maintainers

| Name | Email | Keys |
|---|---|---|
| Ada Lovelace | ada@example.org | \`$(fingerprint ada)\` |
| Ben Ito | ben@example.org | \`$(fingerprint ben)\` |

## Domain reviewers

| Domain | Paths | Reviewers |
|---|---|---|
| Network | \`/net/\` | cleo@example.org |

## People

| Name | Email | Keys |
|---|---|---|
| Cleo Roth | cleo@example.org | \`$(fingerprint cleo)\` |

## Release managers

| Name | Email | Keys |
|---|---|---|
| Ada Lovelace | ada@example.org | \`$(fingerprint ada)\` |

## Automation

| Name | Email | Keys | Attests |
|---|---|---|---|
| Build Robot | ci@example.org | \`$(fingerprint ci)\` | sast, sbom, dependencies, tests:unit, tests:integration, tests:smoke |
END
quietly as ada git add -A
quietly as ada git commit -q -S -m 'Start refgate'
quietly as ada refgate policy check

step '0. The first push brings rules and people' \
    'The administrator named the key of Ada as root of trust. She pushes meta/.'
accepted ada HEAD origin main

step '1. Nobody has approved' \
    'Ben wrote a change. CI has attached clean scans and passed tests.'
topic retry net/upload.sh 'curl --retry 3 --upload-file report.txt https://example.org/' 'Retry the upload'
ci_runs retry bandit-1.9.4-clean-nofindings.sarif
refused review-approval-missing ben origin retry:main

step '2. A scanner found something' \
    'Another change of his, approved by Ada and by Cleo. But Bandit, whose report' \
    'CI attached, found things of high severity.'
topic shell net/run.py 'subprocess.run(command, shell=True)' 'Run the command of the user'
ci_runs shell bandit-1.9.4-pyapp.sarif
approves ada origin/shell
approves cleo origin/shell
refused scan-finding-open ben origin shell:main

step '3. An author approves' \
    'Back to the first change. Cleo approves it, and Ben, who is a maintainer,' \
    'approves it too. But he wrote it.'
approves cleo origin/retry
approves ben retry
refused review-self-approved ben origin retry:main

step '4. Everything is there' \
    'Ada approves. Ben pushes the same commit again.'
approves ada origin/retry
accepted ben retry origin retry:main

topic timeout net/upload.sh 'curl --retry 3 --max-time 60 --upload-file report.txt https://example.org/' 'Give up after a minute'
ci_runs timeout bandit-1.9.4-clean-nofindings.sarif
approves cleo origin/timeout
# The clones were made of an empty repository: leave them on what main is now.
for name in ada cleo ci; do
    quietly git -C "$demo/$name" fetch -q
    quietly git -C "$demo/$name" checkout -q -B main origin/main
done
rm -f "$log"

cat <<END

--- Your turn

Everything lies in $demo
One more change of Ben's, the branch "timeout", waits for the approval of Ada:

    export PATH="$demo/bin:\$PATH"
    cd $demo/ben
    refgate status
    refgate -C ../ada approve origin/timeout --push
    refgate land timeout

Or look around:

    refgate policy show
    refgate land shell
    git log -1 origin/main

And in the end: rm -rf $demo
END
