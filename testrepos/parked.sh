#!/bin/sh
# Commits that the server has already, where nobody protects them or inside of a merge.
#
# Special: nothing of these pushes is new to the object store. `git rev-list NEW --not --all`
# prints nothing for the first. The second is reachable from main, as the inner commit of a merged topic
# whose end was harmless; as the start of a release branch it is a state that nobody has seen.
. "$(dirname "$0")/lib.sh"

begin
git checkout -q -b scratch
as mallory
echo 'fn up() { evil(); }' >net/up.rs
commit 'Looks harmless'
publish scratch refs/heads/scratch
incoming parked scratch refs/heads/main

git checkout -q -b topic main
as dana
echo 'fn up() { try(); }' >net/up.rs
commit 'Try something'
inside=$(id topic)
echo 'fn up() { retry(); }' >net/up.rs
commit 'Rather this'
approved=$(approvals refs/heads/main main topic topic)
git checkout -q main
merge "Merge topic

$approved" topic
publish main refs/heads/main
incoming release-from-inside-a-merge "$inside" refs/heads/release/1.0
incoming release-from-main main refs/heads/release/1.0
