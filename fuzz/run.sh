#!/bin/sh
# Runs each fuzz target for some seconds, with the reports of tests/corpus as seeds.
#
#     fuzz/run.sh [SECONDS [TARGET...]]
#
# Needs a nightly compiler and cargo-fuzz (cargo install cargo-fuzz --locked).
set -eu
cd "$(dirname "$0")"
seconds=${1:-5}
[ $# -eq 0 ] || shift
command -v cargo-fuzz > /dev/null || {
	echo "cargo-fuzz is not there; install it: cargo install cargo-fuzz --locked" >&2
	exit 1
}
seeds() {
	case $1 in
	report) echo sarif spdx tap adversarial other-scan attestation ;;
	sarif) echo sarif adversarial ;;
	cyclonedx) echo cyclonedx vex ;;
	spdx) echo spdx ;;
	dependencies) echo trivy cargo-audit npm-audit pip-audit attestation ;;
	code) echo other-scan gitleaks ;;
	junit) echo junit ;;
	tests) echo tap test-events ;;
	envelope) echo attestation ;;
	esac
}
[ $# -gt 0 ] || set -- report sarif cyclonedx spdx dependencies code junit tests envelope values
for target; do
	mkdir -p "corpus/$target"
	directories=
	for directory in $(seeds "$target"); do
		directories="$directories ../tests/corpus/$directory"
	done
	echo "fuzzing $target for $seconds seconds"
	# The project has no unsafe code, so the address sanitizer would find nothing and cost
	# half of the speed. An input may take 10 seconds and 1 GB at most.
	# shellcheck disable=SC2086
	cargo +nightly fuzz run --sanitizer none "$target" "corpus/$target" $directories -- \
		-max_total_time="$seconds" -max_len=200000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
done
