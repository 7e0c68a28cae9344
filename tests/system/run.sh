#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the system tests, or those named, the quick ones first; sum up.
#
#	tests/system/run.sh [-b BUILD] [NAME...]

set -u

folder=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" = -b ]; then
	export BUILD=$2
	shift 2
fi
quick_first="config_errors probe_coturn probe events install demo hostile browser uclient"
passed=0
failed=0
broken=0
skipped=

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

[ $# -gt 0 ] || set -- $(names)
for name in "$@"; do
	echo "system/$name"
	log=$(mktemp)
	timeout -k 20 400 "$folder/$name.sh" </dev/null 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	counts=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
	reason=$(sed -n 's/^skipped: //p' "$log")
	rm -f "$log"
	if [ -z "$counts" ] && [ "$status" = 0 ] && [ -n "$reason" ]; then
		skipped="$skipped $name"
		continue
	fi
	if [ -z "$counts" ]; then
		echo "  FAILED  $name ended with status $status before its end"
		echo "0 passed, 1 failed"
		broken=$((broken + 1))
		continue
	fi
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
	if [ "$status" != 0 ] && [ "${counts#* }" = 0 ]; then
		echo "  FAILED  $name ended with status $status after its end"
		echo "0 passed, 1 failed"
		broken=$((broken + 1))
	fi
done
[ -z "$skipped" ] || echo "skipped:$skipped"
echo "system tests: $passed passed, $((failed + broken)) failed"
[ $((failed + broken)) = 0 ]
