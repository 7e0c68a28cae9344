#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon exports what include/turnpike marks with TP_API, no more, no less; and what
# that is stands in tests/abi/symbols.txt, so that a change of it is one that is seen.
#
#	tests/lint/exports.sh PROGRAM | --self-test

. "$(dirname "$0")/lib.sh"

# Not ours: what the linker adds, and copies of a library's variables, which
# carry the library's version.
exported() {
	nm -D --defined-only "$program" | awk '{ print $NF }' |
		grep -v -e '^_' -e '@' -e '^data_start$' | sort -u
}

check() {
	api_functions >"$work/declared"
	exported >"$work/exported"
	if [ ! -s "$work/declared" ]; then
		echo "include/turnpike: declares no function with TP_API"
	fi
	comm -23 "$work/declared" "$work/exported" | sed "s|^|$program: does not export |"
	comm -13 "$work/declared" "$work/exported" | sed "s|^|$program: exports |"
	sort -u tests/abi/symbols.txt >"$work/listed"
	comm -23 "$work/listed" "$work/exported" |
		sed 's|^|tests/abi/symbols.txt: plugins may need |'
	comm -13 "$work/listed" "$work/exported" | sed 's|^|tests/abi/symbols.txt: does not list |'
}

build_program() {
	"${CC:-cc}" -shared -fPIC -fvisibility=hidden -I"$work/tree/include" -o "$program" -xc - \
		<<-END
		#include <turnpike/plugin.h>
		$1
		END
}

self_test() {
	program=$work/program.so
	fresh
	plant include/turnpike/plugin.h <<-'END'
		#define TP_API __attribute__((visibility("default")))
		TP_API int tp_thing_make(int size);
		TP_API const char *tp_thing_name(void);
		END
	printf 'tp_thing_make\ntp_thing_name\n' | plant tests/abi/symbols.txt
	make='int tp_thing_make(int size) { return size; }'
	name='const char *tp_thing_name(void) { return ""; }'
	build_program "$make $name int tp_other_make(void) { return 0; }"
	clean "a program that exports what is declared"

	build_program "$make"
	found "$program: does not export tp_thing_name"
	found "tests/abi/symbols.txt: plugins may need tp_thing_name"
	build_program "$make $name TP_API int tp_other_make(void) { return 0; }"
	found "$program: exports tp_other_make"
	found "tests/abi/symbols.txt: does not list tp_other_make"
}

if [ "${1-}" != --self-test ]; then
	program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
	shift
fi
lint "$@"
