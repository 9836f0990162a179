#!/bin/sh
# The list of people changes.
#
# Special: mallory's approval of the change that lists him counts for nothing, one maintainer is
# not enough for who is trusted, and a list that names nobody is refused though both maintainers
# approved it. Nobody can leave the door locked behind themselves.
. "$(dirname "$0")/lib.sh"

begin
as dana
git checkout -q -b listed
mallory=$(row mallory)
sed "/ben@/a\\
$mallory" meta/STRUCTURE.md >"$TESTREPO/new"
cat "$TESTREPO/new" >meta/STRUCTURE.md
commit 'List mallory'
incoming nobody-approved listed refs/heads/main
by_mallory=$(approval mallory maintainer refs/heads/main main listed listed)
by_ada=$(approval ada maintainer refs/heads/main main listed listed)
by_ben=$(approval ben maintainer refs/heads/main main listed listed)
git commit -q --amend -m "List mallory

$by_ada
$by_mallory"
incoming approved-by-its-own-new-maintainer listed refs/heads/main
git commit -q --amend -m "List mallory

$by_ada
$by_ben"
incoming approved-by-two listed refs/heads/main

git checkout -q -b void main
sed '/@example.org | `/d' meta/STRUCTURE.md >"$TESTREPO/new"
cat "$TESTREPO/new" >meta/STRUCTURE.md
commit 'Nobody'
by_ada=$(approval ada maintainer refs/heads/main main void void)
by_ben=$(approval ben maintainer refs/heads/main main void void)
git commit -q --amend -m "Nobody

$by_ada
$by_ben"
incoming void void refs/heads/main
