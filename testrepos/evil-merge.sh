#!/bin/sh
# An approved topic, and merges of it that are more, or less, than the topic.
#
# Special: `git log -p` shows nothing for a merge, so what is put into one is easily overlooked. The
# approvals are good; they are of another change. The last merge drops what main has
# got meanwhile (`-s ours` the other way round).
. "$(dirname "$0")/lib.sh"

begin
git checkout -q -b topic
as dana
echo 'fn up() { retry(); }' >net/up.rs
commit 'Retry'
approved=$(approvals refs/heads/main main topic topic)

git checkout -q -b honest main
merge "Merge topic

$approved" topic
incoming honest honest refs/heads/main

git checkout -q -b evil main
tick
git merge -q --no-ff --no-commit topic
echo 'fn down() { backdoor(); }' >net/down.rs
commit "Merge topic

$approved"
incoming evil evil refs/heads/main

git checkout -q -b dropped main
merge "Merge topic

$approved" -s ours topic
incoming dropped dropped refs/heads/main
