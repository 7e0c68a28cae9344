#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the system tests, or those named, the quick ones first; sum up. They mostly
# wait, so that two of them run at a time; each is printed when it has ended.
#
#	tests/system/run.sh [-b BUILD] [-j JOBS] [NAME...]

set -u

folder=$(cd "$(dirname "$0")" && pwd)
jobs=2
while getopts b:j: option; do
	case $option in
	b) export BUILD=$OPTARG ;;
	j) jobs=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
quick_first="config_errors probe_coturn probe events install demo hostile browser uclient"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Those named above, then whatever else is there.
names() {
	local name file

	for name in $quick_first; do
		[ -f "$folder/$name.sh" ] && echo "$name"
	done
	for file in "$folder"/*.sh; do
		name=$(basename "$file" .sh)
		case " $quick_first lib networks run " in
		*" $name "*) ;;
		*) echo "$name" ;;
		esac
	done
}

# run_one NAME: leaves in $results/NAME what it came to: "PASSED FAILED", or "skipped".
run_one() {
	local log=$results/$1.log began=$SECONDS status=0 counts child

	timeout -k 20 400 "$folder/$1.sh" </dev/null >"$log" 2>&1 &
	child=$!
	trap 'kill "$child"; wait "$child"; exit' TERM
	wait "$child" || status=$?
	counts=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
	if [ -z "$counts" ] && [ $status = 0 ] && grep -q '^skipped: ' "$log"; then
		counts=skipped
	elif [ -z "$counts" ] || { [ $status != 0 ] && [ "${counts#* }" = 0 ]; }; then
		counts="${counts:-0 0}"
		counts="${counts% *} 1"
		printf '  FAILED  %s ended with status %s\n0 passed, 1 failed\n' "$1" $status >>"$log"
	fi
	echo "$counts" >"$results/$1"
	{
		flock 9
		echo "system/$1 ($((SECONDS - began)) s)"
		cat "$log"
	} 9>"$results/lock"
}

give_up() {
	local running

	mapfile -t running < <(jobs -pr)
	kill "${running[@]}"
	wait
	exit 130
}
trap give_up INT TERM

[ $# -gt 0 ] || mapfile -t all < <(names)
[ $# -gt 0 ] || set -- "${all[@]}"
for name in "$@"; do
	while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_one "$name" &
done
wait

cd "$results" || exit 1
skipped=$(grep -lx skipped "$@" | tr '\n' ' ')
[ -z "$skipped" ] || echo "skipped: $skipped"
awk '$1 != "skipped" { passed += $1; failed += $2 }
	END { printf "system tests: %d passed, %d failed\n", passed, failed; exit failed != 0 }' "$@"
