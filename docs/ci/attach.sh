#!/bin/sh
# Scans and tests the commit that is checked out, and attaches the results to it.
#
#   attach.sh [ARGUMENT]...      arguments go to "refgate attach" as they are, such as --push
#
# Runs in a clone, in any CI or by hand. REFGATE_RUN names what to run, for pipelines with a job
# for each: any of sast, sbom, dependencies, tests. The key that signs is the one of
# git's configuration (gpg.format, user.signingKey); with REFGATE_KEY it is the SSH key in that
# file, with REFGATE_PEM_KEY the key in PEM. Replace the tools by your own: refgate reads
# what most scanners and test runners write, see docs/formats.md.

set -eu

commit=$(git rev-parse HEAD)
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

# A tool that ends with an error has often just found something, which is for the gates
# to judge. What counts is whether it wrote its report.
run() {
    report=$1
    shift
    "$@" || echo "attach.sh: $1 ended with status $?" >&2
    if ! [ -s "$report" ]; then
        echo "attach.sh: $1 wrote no report" >&2
        exit 2
    fi
}

for what in ${REFGATE_RUN:-sast sbom dependencies tests}; do
    case $what in
    sast)
        report=$reports/sast.sarif
        run "$report" bandit --quiet --recursive --format sarif --output "$report" src
        set -- "$@" --sast "$report"
        ;;
    sbom)
        report=$reports/sbom.json
        run "$report" cyclonedx-py requirements --of JSON --output-file "$report" requirements.txt
        set -- "$@" --sbom "$report"
        ;;
    dependencies)
        report=$reports/audit.json
        run "$report" pip-audit --progress-spinner off --no-deps --disable-pip \
            --requirement requirements.txt --format json --output "$report"
        set -- "$@" --dependencies "$report"
        ;;
    tests)
        for suite in unit integration smoke; do
            report=$reports/$suite.xml
            run "$report" python3 -m pytest --quiet -p no:cacheprovider \
                --junitxml "$report" "tests/$suite"
            set -- "$@" --tests "$suite=$report"
        done
        ;;
    *)
        echo "attach.sh: REFGATE_RUN has $what, not sast, sbom, dependencies or tests" >&2
        exit 2
        ;;
    esac
done

[ -z "${REFGATE_KEY:-}" ] || set -- "$@" --key "$REFGATE_KEY"
[ -z "${REFGATE_PEM_KEY:-}" ] || set -- "$@" --pem-key "$REFGATE_PEM_KEY"

# What one commit was scanned for must not be attached to another.
if [ "$(git rev-parse HEAD)" != "$commit" ]; then
    echo "attach.sh: another commit was checked out meanwhile" >&2
    exit 2
fi
refgate attach "$@" "$commit"
