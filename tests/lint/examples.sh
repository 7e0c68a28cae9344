#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The plugins printed in turnpike-plugin(7) compile as the page says, without a
# warning, and the daemon loads them; the first is plugins/example/hello.c, and the
# README prints it, too.
#
#	tests/lint/examples.sh PROGRAM | --self-test

. "$(dirname "$0")/lib.sh"

page=man/turnpike-plugin.7

# literals: the literal blocks of the page, each to a file of its own.
literals() {
	awk -v folder="$work" '
	/^\.Bd -literal/ { count++; line = FNR; on = 1; next }
	/^\.Ed/ { on = 0 }
	on {
		gsub(/\\&/, "")
		gsub(/\\e/, "\\")
		print >(folder "/literal." count)
		lines[count] = line
	}
	END {
		for (i in lines) {
			print lines[i] >(folder "/line." i)
		}
	}' "$page"
}

# build LITERAL: with the command that the page prints, for the headers of this tree.
build() {
	cp "$1" "$work/no_low_ports.c"
	command=$(grep -hx 'gcc .*no_low_ports.c' "$work"/literal.* | head -n 1)
	if [ -z "$command" ]; then
		echo "$page: prints no line that builds no_low_ports.c"
		return 1
	fi
	command=$(echo "$command" | sed "s|-I/usr/local/include|-I$PWD/include|")
	case $command in
	*"-I$PWD/include"*) ;;
	*)
		echo "$page: builds with other headers than those in /usr/local/include"
		return 1
		;;
	esac
	(cd "$work" && $command -Wall -Wextra -Wno-unused-parameter -Werror) >"$work/says" 2>&1
}

# try LITERAL: build it and have the daemon look at it.
try() {
	place=$page:$(cat "$work/line.${1##*.}")
	if ! build "$1"; then
		echo "$place: does not compile"
		cat "$work/says"
		return
	fi
	chmod go-w "$work" "$work/no_low_ports.so"
	if ! "$program" --plugin-help "$work/no_low_ports.so" >"$work/help" 2>&1; then
		echo "$place: is not loaded"
		cat "$work/help"
	fi
}

first() {
	if ! sed 1d plugins/example/hello.c | cmp -s - "$1"; then
		echo "$page: the first plugin is not that of plugins/example/hello.c"
	fi
	shown=$(grep -lFx '$ turnpike --plugin-help no_low_ports' "$work"/literal.* || true)
	if [ -z "$shown" ] || ! sed 1d "$shown" | cmp -s - "$work/help"; then
		echo "$page: does not show what --plugin-help prints:"
		cat "$work/help"
	fi
}

# Indented by four columns, tabs expanded.
in_readme() {
	sed 1d plugins/example/hello.c | expand | sed 's/./    &/' >"$work/indented"
	awk -v file="$work/indented" '
		BEGIN {
			while ((getline line <file) > 0) {
				wanted[++count] = line
			}
			at = 1
		}
		{ at = $0 == wanted[at] ? at + 1 : ($0 == wanted[1] ? 2 : 1) }
		at > count { ok = 1; exit }
		END { exit !ok }' README || echo "README: the plugin is not that of plugins/example/hello.c"
}

check() {
	tried=0
	literals
	for number in $(grep -l '^TP_PLUGIN(' "$work"/literal.* | sed 's/.*\.//' | sort -n); do
		try "$work/literal.$number"
		tried=$((tried + 1))
		if [ $tried = 1 ]; then
			first "$work/literal.$number"
		fi
	done
	if [ $tried -lt 2 ]; then
		echo "$page: prints $tried plugins"
	fi
	in_readme
}

plant_page() {
	fresh
	rm -f "$work"/literal.* "$work"/line.*
	mkdir "$work/tree/include" "$work/tree/include/turnpike"
	plant include/turnpike/plugin.h <<-'END'
		#define TP_PLUGIN(name) const char turnpike_plugin[] = name
		END
	plant plugins/example/hello.c <<-'END'
		/* licence */
		#include <turnpike/plugin.h>
		TP_PLUGIN("a\n");
		END
	plant "$page" <<-'END'
		.Bd -literal
		#include <turnpike/plugin.h>
		TP_PLUGIN("a\en");
		.Ed
		.Bd -literal
		gcc -shared -fPIC -I/usr/local/include -o no_low_ports.so no_low_ports.c
		.Ed
		.Bd -literal
		$ turnpike --plugin-help no_low_ports
		fine
		.Ed
		.Bd -literal
		#include <turnpike/plugin.h>
		TP_PLUGIN("b");
		.Ed
		END
	printf 'Look:\n\n    #include <turnpike/plugin.h>\n    TP_PLUGIN("a\\n");\n' | plant README
	printf '#!/bin/sh\necho fine\n' >"$work/program"
	chmod +x "$work/program"
	program=$work/program
}

self_test() {
	plant_page
	clean "a page whose plugins compile"

	sed -i 's/TP_PLUGIN("b")/TP_PLUGIN(b)/' "$work/tree/$page"
	found "$page:12: does not compile"
	plant_page
	sed -i 's/TP_PLUGIN("a.*/TP_PLUGIN("c");/' "$work/tree/$page"
	found "$page: the first plugin is not that of"
	plant_page
	sed -i 's/^fine/good/' "$work/tree/$page"
	found "$page: does not show what --plugin-help prints"
	plant_page
	sed -i '/^gcc/d' "$work/tree/$page"
	found "$page: prints no line that builds"
	plant_page
	printf '#!/bin/sh\nexit 1\n' >"$program"
	found "$page:12: is not loaded"
	plant_page
	sed -i '/TP_PLUGIN/s/a/b/' "$work/tree/README"
	found "README: the plugin is not that of"
	plant_page
	sed -i '5,$d' "$work/tree/$page"
	found "$page: prints 1 plugins"
}

if [ "${1-}" != --self-test ]; then
	program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
	shift
fi
lint "$@"
