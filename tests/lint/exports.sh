#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon exports what include/turnpike marks with TP_API, no more, no less.
#
#	tests/lint/exports.sh PROGRAM
set -eu

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Preprocessed, one declaration a line; the name stands before the first bracket.
echo '#include <turnpike/plugin.h>' |
	"${CC:-cc}" -E -P -std=c11 -Iinclude -xc - | tr '\n' ' ' | tr ';' '\n' |
	sed -n 's/.*__attribute__((visibility("default")))\([^(]*\)(.*/\1/p' |
	sed 's/.*[ *]//' | sort -u >"$work/declared"

# Not ours: what the linker adds, and copies of a library's variables, which
# carry the library's version.
nm -D --defined-only "$program" | awk '{ print $NF }' |
	grep -v -e '^_' -e '@' -e '^data_start$' | sort -u >"$work/exported"

test -s "$work/declared"
if ! diff -u "$work/declared" "$work/exported" >"$work/diff"; then
	echo "$program: exported symbols are not those of include/turnpike (- missing, + too many):"
	sed -n '/^[-+][^-+]/p' "$work/diff"
	exit 1
fi
