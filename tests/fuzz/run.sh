#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD SECONDS NAME...
#
# Let each target BUILD/fuzz_NAME look for SECONDS, from the seeds in
# corpus/NAME. What it finds worth keeping stays in BUILD/corpus/NAME, the input
# of a failure in BUILD/failed/. The seeds are not written to.

set -u
build=$1
seconds=$2
shift 2
here=$(dirname "$0")
passed=0
failed=0

mkdir -p "$build/failed"
for name in "$@"; do
	seeds=$here/corpus/$name
	found=$build/corpus/$name
	log=$build/fuzz_$name.log
	mkdir -p "$found"
	[ -d "$seeds" ] || seeds=
	# shellcheck disable=SC2086 # no seeds, no argument
	if "$build/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$build/failed/$name-" \
		"$found" $seeds >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok      fuzz_$name: $runs inputs"
		passed=$((passed + 1))
	else
		tail -n 40 "$log"
		echo "FAILED  fuzz_$name: see $log and $build/failed/"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
