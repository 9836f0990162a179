#!/bin/sh
# Commit objects that git takes and that programs read differently.
#
# Special: each carries good approvals of its change. What is asked is whether a reader can be led to
# see other parents, another author or another message than the one next to it.
. "$(dirname "$0")/lib.sh"

begin
git checkout -q -b topic
as dana
echo 'fn up() { retry(); }' >net/up.rs
commit 'Retry'
approved=$(approvals refs/heads/main main topic topic)
git commit -q --amend -m "Retry

$approved"
incoming honest topic refs/heads/main
git cat-file commit topic >"$TESTREPO/honest"

# hostile NAME SED-SCRIPT: the honest commit, edited.
hostile() {
    sed "$2" "$TESTREPO/honest" >"$TESTREPO/$1"
    object=$(git hash-object -t commit -w --literally "$TESTREPO/$1")
    # git itself sees no parents behind a second tree, so the objects travel by hand.
    git cat-file commit "$object" | git -C "$server" hash-object -t commit -w --stdin --literally >/dev/null
    echo "$(id main) $object refs/heads/main" >"$TESTREPO/pushes/$1"
}
hostile two-trees "1p"
hostile two-authors '/^author/{p;s/Dana Cole <dana/Cleo Roth <cleo/;}'
hostile two-committers '/^committer/p'
hostile late-parent "/^committer/a\\
parent $(id main)"
hostile same-parent-twice '/^parent/p'
hostile other-encoding '/^committer/a\
encoding UTF-16'
hostile two-addresses '/^author/s/>/>> <cleo@example.org>/'
hostile no-date '/^author/s/> .*/>/'
hostile carriage-return "/^Approved-by/s/;\$/;$(printf '\r')/"
