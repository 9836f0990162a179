#!/bin/sh
# The first push to an empty server, whose administrator named Ada's key as the root of trust.
#
# Special: nothing is trusted yet, so the policy comes from the push itself, and only because the
# tip is signed with that key. Mallory brings the same files; Ada forgot to sign; Ada tries a release branch first.
. "$(dirname "$0")/lib.sh"

cat >"$server/refgate.toml" <<END
[trust-root]
keys = ["$(fingerprint ada)"]
END
trusted_files
as ada
commit 'Start refgate' -S
incoming signed-by-the-root main refs/heads/main
incoming a-release-branch-before-main main refs/heads/release/1.0
git commit -q --amend --no-gpg-sign -m 'Start refgate, unsigned'
incoming unsigned main refs/heads/main
as mallory
git commit -q --amend --reset-author -S -m 'Start refgate, my way'
incoming signed-by-mallory main refs/heads/main
