#!/bin/sh
# A flawed change landed with good approvals and was reverted; then it comes again.
#
# Special: change, signatures and time are as good as they were. Only the history of main tells
# that these approvals were spent.
. "$(dirname "$0")/lib.sh"

begin
git checkout -q -b flaw
as dana
echo 'fn up() { flaw(); }' >net/up.rs
commit 'Retry'
approved=$(approvals refs/heads/main main flaw flaw)
git checkout -q main
merge "Merge flaw

$approved" flaw
as ben
tick
git revert --no-edit -m 1 HEAD >/dev/null
publish main refs/heads/main

git checkout -q -b again main
as dana
tick
git cherry-pick flaw >/dev/null
git commit -q --amend -m "Retry, again

$approved"
incoming replayed again refs/heads/main
fresh=$(approvals refs/heads/main main again again)
git commit -q --amend -m "Retry, again

$fresh"
incoming approved-anew again refs/heads/main
