#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone and twice: those of include/turnpike as C11 and as
# C++17, those of core/ as C11.
#
#	tests/lint/headers.sh [--self-test]

. "$(dirname "$0")/lib.sh"

CC=${CC:-cc}
CXX=${CXX:-c++}
warnings='-pedantic -Wall -Wextra -Werror'

# compile LANGUAGE HEADER COMPILER FLAGS...: what the compiler says about a wrong one.
compile() {
	language=$1
	header=$2
	shift 2
	if ! printf '#include "%s"\n#include "%s"\ntypedef int something;\n' "$header" "$header" |
		"$@" -fsyntax-only -x "$language" - 2>"$work/says"; then
		echo "$header: does not compile alone: $*"
		grep -E ':[0-9]+:.*(error|warning):' "$work/says" || cat "$work/says"
	fi
}

# shellcheck disable=SC2086 # warnings are several words
check() {
	for header in $(find include/turnpike -name '*.h' | sort); do
		compile c "$header" "$CC" -std=c11 $warnings -I. -Iinclude
		compile c++ "$header" "$CXX" -std=c++17 $warnings -I. -Iinclude
	done
	for header in $(find core -name '*.h' | sort); do
		compile c "$header" "$CC" -std=c11 $warnings -D_GNU_SOURCE -I. -Icore \
			-Iinclude
	done
}

self_test() {
	fresh
	mkdir -p "$work/tree/core" "$work/tree/include/turnpike"
	printf '#pragma once\n#include <stdint.h>\nint a(uint8_t b);\n' |
		plant include/turnpike/good.h
	printf '#pragma once\n#include <turnpike/good.h>\nint b(void);\n' | plant core/io/good.h
	clean "headers that stand alone"

	printf '#pragma once\nint a(uint8_t b);\n' | plant include/turnpike/alone.h
	found 'include/turnpike/alone.h: does not compile alone: '"$CC"
	found 'include/turnpike/alone.h: does not compile alone: '"$CXX"
	rm "$work/tree/include/turnpike/alone.h"
	printf '#pragma once\nvoid a(int class);\n' | plant include/turnpike/word.h
	found 'include/turnpike/word.h: does not compile alone: '"$CXX"
	rm "$work/tree/include/turnpike/word.h"
	printf 'enum a { B };\n' | plant core/io/twice.h
	found 'core/io/twice.h: does not compile alone'
}

lint "$@"
