# SPDX-License-Identifier: Apache-2.0
# Shared by the lints; to be sourced. A lint defines
#
#	check       look at the tree in the current folder; a line per problem,
#	            beginning with FILE:LINE: where there is a line
#	self_test   plant violations and say what must be found
#
# and ends with: lint "$@". It runs on the repository, or with --self-test on
# planted trees, to show that it can fail.

set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/turnpike-lint.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# fresh: an empty tree to plant in.
fresh() {
	rm -rf "$work/tree"
	mkdir "$work/tree"
}

# plant FILE: from standard input.
plant() {
	mkdir -p "$work/tree/$(dirname "$1")"
	cat >"$work/tree/$1"
}

run_check() {
	(cd "$work/tree" && check) >"$work/found" 2>&1 || true
}

# clean WHAT: nothing is found in the tree.
clean() {
	run_check
	if [ -s "$work/found" ]; then
		echo "self-test: $1: found what is no problem:"
		sed 's/^/    /' "$work/found"
		exit 1
	fi
}

# found TEXT: it is, in a line of its own or at the beginning of one.
found() {
	run_check
	if ! awk -v text="$1" 'index($0, text) == 1 { ok = 1 } END { exit !ok }' "$work/found"; then
		echo "self-test: not found: $1"
		echo "    instead:"
		sed 's/^/    /' "$work/found"
		exit 1
	fi
}

lint() {
	if [ "${1-}" = --self-test ]; then
		self_test
		return
	fi
	cd "$root"
	check >"$work/problems"
	cat "$work/problems"
	[ ! -s "$work/problems" ]
}

# A line per function that the public headers declare with TP_API, or define: the header,
# the name, and the declaration, without comments and spare blanks.
api_declarations() {
	for header in include/turnpike/*.h; do
		tr '\n' '\001' <"$header" | sed -e 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/| |g' \
			-e 's|\\\x01| |g' | tr '\001' '\n' | sed -e '/^[[:space:]]*#/d' \
			-e 's/TP_PRINTF([^)]*)//' | tr '\n\t' '  ' | tr ';{' '\n\n' |
			sed -n 's/.*\(TP_API\|static inline\) \+\([^=]*[ *]\(tp_[a-z0-9_]*\)(.*)\) *$/\3 \2/p' |
			sed "s|^|${header#include/turnpike/} |"
	done
}

# Names of the functions that include/turnpike marks with TP_API: preprocessed, one
# declaration a line, the name stands before the first bracket.
api_functions() {
	echo '#include <turnpike/plugin.h>' |
		"${CC:-cc}" -E -P -std=c11 -Iinclude -xc - | tr '\n' ' ' | tr ';' '\n' |
		sed -n 's/.*__attribute__((visibility("default")))\([^(]*\)(.*/\1/p' |
		sed 's/.*[ *]//' | sort -u
}

# Names of the shipped plugins.
shipped_plugins() {
	find plugins -mindepth 1 -maxdepth 1 -type d ! -name example ! -name common |
		sed 's|.*/||' | sort
}

# plugin_options NAME: those in its table, with its macros expanded, but of all headers only
# those of options that several plugins have.
plugin_options() {
	for source in plugins/"$1"/*.c; do
		cat plugins/common/*_options.h "$source" 2>/dev/null |
			sed '/^#[[:space:]]*include/d; /^#[[:space:]]*pragma/d' | "${CC:-cc}" -E -P -xc -
	done | awk '
		/struct tp_option [a-z_]*\[\] *=/ { table = 1 }
		table { text = text $0 " " }
		table && /^};/ { table = 0 }
		END {
			while (match(text, /\.name = "[^"]*"/)) {
				print substr(text, RSTART + 9, RLENGTH - 10)
				text = substr(text, RSTART + RLENGTH)
			}
		}' | sort -u
}
