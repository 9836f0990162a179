# shellcheck shell=sh
# What the stories in this directory share; they read it in with `.`.
#
# A story makes, below $TESTREPO:
#   server.git   a bare repository as it is before somebody pushes
#   pushes/NAME  what git would hand a hook: lines of "old new ref"; the objects are in server.git
#
# Names, dates and keys are fixed, so that every run makes the same ids. The keys are those of
# tests/keys, which are worthless; $KEYS is a copy with the file modes that ssh-keygen wants.
# Approvals are made with git, sha256sum and ssh-keygen alone, as docs/formats.md describes them.
set -eu
: "${TESTREPO:?names the directory to make}" "${KEYS:?names a copy of tests/keys}"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null LC_ALL=C TZ=UTC

repository=git.example.org/story
server=$TESTREPO/server.git
zero=0000000000000000000000000000000000000000
clock=1795168800 # 2026-11-20T10:00:00Z
approved_at=2026-11-22T10:00:00Z
approved_until=2026-12-20T10:00:00Z

mkdir -p "$TESTREPO/pushes"
git init -q --bare -b main "$server"
git init -q -b main "$TESTREPO/clone"
cd "$TESTREPO/clone"
git config gpg.format ssh
git config commit.gpgSign false

full_name() {
    case $1 in
        ada) echo 'Ada Lovelace' ;;
        ben) echo 'Ben Ito' ;;
        cleo) echo 'Cleo Roth' ;;
        dana) echo 'Dana Cole' ;;
        *) echo "$1" ;;
    esac
}

# Whoever writes the next commits.
as() {
    GIT_AUTHOR_NAME=$(full_name "$1")
    GIT_AUTHOR_EMAIL=$1@example.org
    GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME
    GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
    export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
    git config user.signingKey "$KEYS/$1"
}

# A minute passes.
tick() {
    clock=$((clock + 60))
    GIT_AUTHOR_DATE="$clock +0000"
    GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
    export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
}

# commit MESSAGE [OPTION...]: commits all that is in the work tree.
commit() {
    tick
    message=$1
    shift
    git add -A
    git commit -q --allow-empty "$@" -m "$message"
}

# merge MESSAGE [OPTION...] COMMIT...: a merge, also where none is needed.
merge() {
    tick
    message=$1
    shift
    git merge -q --no-ff -m "$message" "$@"
}

id() { git rev-parse --verify "$1"; }

fingerprint() { ssh-keygen -lf "$KEYS/$1.pub" | cut -d' ' -f2; }

row() { echo "| $(full_name "$1") | $1@example.org | \`$(fingerprint "$1")\` |"; }

# The rules and the people: Ada and Ben maintain, Cleo reviews net/, Dana writes.
trusted_files() {
    mkdir -p meta net
    cat >meta/refgate.toml <<END
repository = "$repository"

[[protect]]
refs = ["refs/heads/main", "refs/heads/release/*"]
gates = ["review"]
END
    cat >meta/STRUCTURE.md <<END
# Structure

## Maintainers

| Name | Email | Keys |
|---|---|---|
$(row ada)
$(row ben)

## People

| Name | Email | Keys |
|---|---|---|
$(row cleo)
$(row dana)

## Domain reviewers

| Domain | Paths | Reviewers |
|---|---|---|
| net | \`/net/\` | cleo@example.org |
END
}

# The commit from which most stories go on, on the server's main branch.
begin() {
    as ada
    trusted_files
    echo 'fn up() {}' >net/up.rs
    echo 'fn down() {}' >net/down.rs
    commit 'Start refgate' -S
    publish main refs/heads/main
}

# publish COMMIT REF: the server has it, by whatever way.
publish() { git push -q "$server" "+$(id "$1"):$2"; }

# incoming NAME COMMIT REF: somebody pushes it; nothing has moved yet.
incoming() {
    git -C "$server" fetch -q --no-write-fetch-head "$TESTREPO/clone/.git" "$(id "$2")"
    old=$(git -C "$server" rev-parse -q --verify "$3" || echo $zero)
    echo "$old $(id "$2") $3" >>"$TESTREPO/pushes/$1"
}

# approval WHO ROLES REF BASE HEAD RESULT: prints the trailer by which somebody approves the
# change from BASE to RESULT, having read HEAD.
approval() {
    base=$(id "$4")
    head=$(id "$5")
    change=sha256:$(git diff-tree -r -z --raw --no-renames --no-abbrev "$4^{tree}" "$6^{tree}" |
        sha256sum | cut -d' ' -f1)
    signature=$(printf '%s\n' 'refgate approval v1' "repository: $repository" "ref: $3" \
        "change: $change" "base: $base" "head: $head" "roles: $2" "by: $1@example.org" \
        "at: $approved_at" "until: $approved_until" |
        ssh-keygen -q -Y sign -n refgate -f "$KEYS/$1" | sed '/^-----/d' | tr -d '\n')
    printf '%s\n' "Approved-by: $(full_name "$1") <$1@example.org>; roles=$2;" \
        " change=$change;" " base=$base;" " head=$head;" \
        " at=$approved_at;" " until=$approved_until;" " sig=ssh:$signature"
}

# approvals REF BASE HEAD RESULT: what net/ takes, by Ben the maintainer and Cleo the reviewer.
approvals() {
    approval ben maintainer "$@"
    approval cleo reviewer "$@"
}
