#!/bin/sh
# One approved topic and the three ways in which it lands: merged, squashed, rebased.
#
# Special: the same two approvals serve all three, since they sign the change and not the commits.
# Main has moved on in another file when the topic is rebased. Without approvals, and with those
# of one person, it does not land.
. "$(dirname "$0")/lib.sh"

begin
git checkout -q -b topic
as dana
echo 'fn up() { retry(); }' >net/up.rs
commit 'Retry once'
echo 'fn up() { retry(); retry(); }' >net/up.rs
commit 'Retry twice'
approved=$(approvals refs/heads/main main topic topic)
half=$(approval ben maintainer refs/heads/main main topic topic)
incoming not-approved topic refs/heads/main

git checkout -q -b squashed main
git merge -q --squash topic
commit "Retry twice, in one

$half"
incoming approved-by-one squashed refs/heads/main
git commit -q --amend -m "Retry twice, in one

$approved"
incoming squashed squashed refs/heads/main

git checkout -q -b merged main
as ada
merge "Merge topic

$approved" topic
incoming merged merged refs/heads/main

git checkout -q main
as ben
echo 'fn down() { wait(); }' >net/down.rs
commit 'Wait'
publish main refs/heads/main
git checkout -q -b rebased topic
as dana
tick
git rebase -q main
commit "Retry twice, rebased

$approved"
incoming rebased rebased refs/heads/main
