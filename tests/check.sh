#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run steps of "make check" one after the other, sum their "N passed, N failed"
# lines and close with one of the whole run. A step is a word list of arguments
# to make. A step that ends badly without counting a failure is one.
#
#	tests/check.sh 'lint' 'check-unit' 'SANITIZE=thread check-unit' ...

set -u

make=${MAKE:-make}
log=$(mktemp)
failures=$(mktemp)
trap 'rm -f "$log" "$failures"' EXIT
passed=0
failed=0
summary=

# What failed, with the lines that say why: the end of a long log is what is read.
tell_failures() {
	echo "== $1"
	awk '/^system\// { script = $0 }
		/FAILED/ { print script; shown = 26 }
		/^ +ok / || /^[0-9]+ passed/ { shown = 0 }
		/Sanitizer|runtime error|^make.*\*\*\*|^test host:/ { shown = 12 }
		/^[^ ]+\.c:[0-9]+: / && shown <= 0 { shown = 1 }
		shown-- > 0 { print }' "$log" | tail -n 200
}

for step in "$@"; do
	echo "== $step"
	began=$(date +%s)
	# shellcheck disable=SC2086 # a step is several words
	{ $make -s --no-print-directory $step </dev/null 2>&1; echo "status $?"; } | tee "$log" |
		grep -v '^status [0-9]*$'
	counts=$(awk '/^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
		/^status / { s = $2 } END { if (s != 0 && f == 0) f = 1; print p + 0, f + 0 }' "$log")
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
	[ "${counts#* }" = 0 ] || tell_failures "$step" >>"$failures"
	summary="$summary
$(printf '%5d passed %4d failed %5d s  %s' "${counts% *}" "${counts#* }" \
		$(($(date +%s) - began)) "$step")"
done

cat "$failures"
echo "$summary"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
