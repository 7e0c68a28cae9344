#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run the lints, each on planted violations first; sum up.
#
#	tests/lint/run.sh PROGRAM

set -u

folder=$(dirname "$0")
program=$1
passed=0
failed=0

# run WHAT COMMAND...
run() {
	what=$1
	shift
	if "$@" 2>&1; then
		passed=$((passed + 1))
	else
		echo "  FAILED  lint/$what"
		failed=$((failed + 1))
	fi
}

for lint in "$folder"/*.sh; do
	name=$(basename "$lint" .sh)
	case $name in
	run | lib)
		continue
		;;
	esac
	run "$name, self-test" "$lint" --self-test
	case $name in
	examples | exports)
		run "$name" "$lint" "$program"
		;;
	*)
		run "$name" "$lint"
		;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
