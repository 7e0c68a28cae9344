#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# User instructions per relayed packet, counted by callgrind, against the
# ceilings in instructions.ceiling:
#
#	tests/bench/instructions.sh BUILD/tests/bench/instructions
#
# A figure above its ceiling fails: what made it grow is to be undone, or the
# ceiling raised by the commit that says why it is worth it.

set -eu

program=$1
ceilings=$(dirname "$0")/instructions.ceiling
work=$(mktemp -d "${TMPDIR:-/tmp}/turnpike-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

valgrind -q --tool=callgrind --toggle-collect='counted_*' \
	--callgrind-out-file="$work/out" "$program" 2>"$work/log" || {
	cat "$work/log" >&2
	exit 1
}

# Dumps say "desc: Trigger: Client Request: PACKETS NAME" and "totals: INSTRUCTIONS".
sed -n 's/^desc: Trigger: Client Request: //p; s/^totals: /= /p' "$work"/out.[0-9]* |
	awk '/^=/ { if (name != "") printf "%.1f\t%s\n", $2 / packets, name; name = ""; next }
		{ packets = $1; name = $0; sub(/^[0-9]+ /, "", name) }' >"$work/counted"

awk -F '\t' 'NR == FNR { counted[$2] = $1; next }
	/^#/ || /^$/ { next }
	NR != FNR && !heading++ {
		printf "  %-48s %9s %8s\n", "user instructions per relayed packet", "counted", "ceiling"
	}
	{
		good = ($2 in counted) && counted[$2] <= $1 + 0
		if (good) passed++; else failed++
		printf "  %-48s %9s %8d%s\n", $2, ($2 in counted) ? counted[$2] : "none", $1,
			good ? "" : "  FAILED"
		delete counted[$2]
	}
	END {
		for (name in counted) {
			printf "  %-48s %9s %8s  FAILED\n", name, counted[name], "none"
			failed++
		}
		printf "%d passed, %d failed\n", passed, failed
		exit failed != 0 || passed == 0
	}' "$work/counted" "$ceilings"
