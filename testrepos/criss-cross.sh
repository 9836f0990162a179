#!/bin/sh
# Two lines that have merged each other: main and the topic have two merge bases.
#
# Special: which base a merge tool takes decides what it makes of it, so refgate does not say that
# such a merge is clean, and whoever made it took part in the change. The change itself is what it
# is, and can be approved like any other.
. "$(dirname "$0")/lib.sh"

begin
as dana
git checkout -q -b topic
echo 'fn up() { one(); }' >net/up.rs
commit 'Topic one'
git checkout -q main
as ada
echo 'fn down() { one(); }' >net/down.rs
commit 'Main one'
main_one=$(id main)
merge 'Merge topic early' topic
git checkout -q topic
as dana
merge 'Merge main early' "$main_one"
echo 'new' >net/new.rs
commit 'Topic two'
publish main refs/heads/main

git checkout -q -b landing main
as ben
merge 'Merge topic' topic
approved=$(approvals refs/heads/main main topic landing)
incoming not-approved landing refs/heads/main
git commit -q --amend -m "Merge topic

$approved"
incoming approved-by-who-made-the-merge landing refs/heads/main
as ada
git commit -q --amend --reset-author -m "Merge topic

$approved"
incoming approved-by-others landing refs/heads/main
