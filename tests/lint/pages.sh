#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each manual page renders without a warning, and names only pages of ours that exist.
#
#	tests/lint/pages.sh [--self-test]

. "$(dirname "$0")/lib.sh"

# With mandoc, and with groff, which is what most people read pages with.
render() {
	mandoc -T lint -W warning "$1" 2>&1 | sed 's/^mandoc: //'
	if command -v groff >/dev/null; then
		groff -mdoc -ww -Tutf8 "$1" 2>&1 >/dev/null | sed 's/^troff: //'
	fi
}

# A page of section 3 is installed under the name of each of its functions.
check_names() {
	sed -n 's/^\.Nm \(tp_[a-z0-9_]*\).*/\1/p' man/tp_*.3 2>/dev/null >"$work/functions" || true
	awk -v functions="$work/functions" '
	BEGIN { while ((getline name <functions) > 0) { known["man/" name ".3"] = 1 } }
	FNR == 1 && !/SPDX-License-Identifier: Apache-2.0$/ {
		printf "%s:%d: does not begin with the licence\n", FILENAME, FNR
	}
	/Xr (turnpike|tp_)/ {
		count = split($0, word, " ")
		for (i = 1; i < count - 1; i++) {
			if (word[i] !~ /^\.?Xr$/ || word[i + 1] !~ /^(turnpike|tp_)/) {
				continue
			}
			page = "man/" word[i + 1] "." word[i + 2]
			if (!(page in known) && (getline line <page) < 0) {
				printf "%s:%d: there is no %s(%s)\n", FILENAME, FNR, word[i + 1],
				       word[i + 2]
			}
			close(page)
		}
	}' "$1"
}

check() {
	for page in man/*.[1-9]; do
		render "$page"
		check_names "$page"
	done
}

page() {
	printf '.\\" SPDX-License-Identifier: Apache-2.0\n.Dd November 24, 2026\n.Dt A 7\n.Os\n'
	printf '.Sh NAME\n.Nm a\n.Nd a page\n.Sh DESCRIPTION\n'
	cat
}

self_test() {
	fresh
	printf 'See\n.Xr turnpike-a 7 .\n' | page | plant man/turnpike-a.7
	clean "a page in order"

	printf '.Bl -tag -width Ds\n.It Sy a\nnever ends\n' | page | plant man/turnpike-a.7
	found 'man/turnpike-a.7:9:2: '
	printf '.Xx oops\n' | page | plant man/turnpike-a.7
	found 'man/turnpike-a.7:9:2: '
	printf 'See\n.Xr turnpike-b 7 .\n' | page | plant man/turnpike-a.7
	found 'man/turnpike-a.7:10: there is no turnpike-b(7)'
	printf 'See\n.Xr tp_b 3 .\n' | page | plant man/turnpike-a.7
	found 'man/turnpike-a.7:10: there is no tp_b(3)'
	printf 'x\n' | page | sed 's/^.Nm a/.Nm tp_b ,\n.Nm a/' | plant man/tp_a.3
	run_check
	if grep -q 'there is no tp_b(3)' "$work/found"; then
		echo "self-test: a page of another name is not found"
		exit 1
	fi
	printf 'x\n' | page | sed 1d | plant man/turnpike-a.7
	found 'man/turnpike-a.7:1: does not begin with the licence'
}

lint "$@"
