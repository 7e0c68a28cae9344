#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An author elsewhere: what "make install" puts down is all it takes to begin a plugin, to
# build and test it, and to run it in the installed daemon.

. "$(dirname "$0")/lib.sh"

dest=$work/dest
prefix=/usr/local
sanitized=${SANITIZE:-}
unset CC CFLAGS CPPFLAGS LDFLAGS SANITIZE WERROR

make_install() {
	MAKEFLAGS='' make -s -C "$root" BUILD="$build" ${sanitized:+SANITIZE="$sanitized"} install \
		DESTDIR="$dest" PREFIX=$prefix
}
check "make install" make_install

daemon_binary=$dest$prefix/sbin/turnpike
probe=$dest$prefix/bin/turnpike-probe
plugindir=$dest$prefix/lib/turnpike/plugins
export PKG_CONFIG_PATH=$dest$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest

# --- pkg-config ---------------------------------------------------------------------

# defined NAME: in the installed header
defined() {
	sed -n "s/^#define $1 \([0-9]*\)$/\1/p" "$dest$prefix/include/turnpike/plugin.h"
}

pkg_config_knows() {
	[ "$(pkg-config --cflags turnpike | tr -d ' ')" = "-I$dest$prefix/include" ] || return 1
	[ "$(pkg-config --variable=abi_major turnpike)" = "$(defined TP_ABI_MAJOR)" ] || return 1
	[ "$(pkg-config --variable=abi_minor turnpike)" = "$(defined TP_ABI_MINOR)" ] || return 1
	[ "$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=plugindir turnpike)" = \
		$prefix/lib/turnpike/plugins ]
}
check "pkg-config knows headers, plugin folder and version" pkg_config_knows

# --- pages ------------------------------------------------------------------------------

found_by_name() {
	local name page

	for name in tp_test_fire tp_request_deny tp_main_post tp_plugin tp_addr_port; do
		page=$dest$prefix/share/man/man3/$name.3
		grep -q "^\.Nm $name" "$page" || {
			echo "$page"
			return 1
		}
	done
}
check "man finds a function by its name" found_by_name
elsewhere() {
	MAKEFLAGS='' make -s -C "$root" BUILD="$build" install-man DESTDIR="$work/elsewhere" PREFIX=/opt/t
	grep -rn /usr/local "$work/elsewhere" && return 1
	grep -q '^gcc .*-I/opt/t/include ' "$work/elsewhere/opt/t/share/man/man7/turnpike-plugin.7"
}
check "pages name the places of another PREFIX" elsewhere

# --- turnpike-plugin -----------------------------------------------------------------

generator=$dest$prefix/bin/turnpike-plugin
mkdir "$work/author"
cd "$work/author"

# refused STATUS ARGS...: nothing is made, and a sentence is said.
refused() {
	local status=$1

	shift
	exits "$status" "$generator" "$@" 2>"$work/says" || return 1
	cat "$work/says"
	[ -s "$work/says" ] && [ -z "$(ls -A "$work/author")" ]
}
for name in Demo 1demo demo-1 ../demo 'a b' _a ''; do
	check "\"$name\" is no name" refused 1 new "$name"
done
check "nor is one of 49 letters" refused 1 new "$(printf 'a%.0s' {1..49})"
check "a name is wanted" refused 2 new
check "the folder must be there" refused 1 new demo --dir nowhere
check "turnpike-plugin new demo" "$generator" new demo

files_are_there() {
	local file

	for file in demo.c test_demo.c demo.conf turnpike-demo.5 Makefile; do
		[ -f "demo/$file" ] || return 1
	done
	! grep -rE '@[A-Za-z]+@|NAME' demo --include='*demo*' --include=Makefile |
		grep -v '^demo/turnpike-demo.5:.Sh NAME$'
}
check "all files are there, filled in" files_are_there
exists() {
	exits 1 "$generator" new demo 2>"$work/says" && grep -q 'demo exists' "$work/says"
}
check "an existing folder is refused" exists
check "another folder is taken" "$generator" new other --dir "$work"
renders() {
	[ -z "$(mandoc -T lint -W warning demo/turnpike-demo.5 2>&1)" ]
}
check "the page renders without a warning" renders

# --- building and testing ----------------------------------------------------------------

in_demo() {
	make -s -C demo "$@"
}
check "make" in_demo CFLAGS='-O2 -Werror'
passes() {
	in_demo check CFLAGS='-O2 -Werror' | tee "$work/tests" &&
		grep -Eq '^[1-9][0-9]* passed, 0 failed$' "$work/tests"
}
check "make check" passes
fails() {
	sed 's/== 403/== 404/' "$work/author/demo/test_demo.c" >"$work/other/test_other.c"
	sed -i 's/"demo"/"other"/' "$work/other/test_other.c"
	! make -s -C "$work/other" check >"$work/tests" 2>&1 || return 1
	cat "$work/tests"
	grep -Eq '^[0-9]+ passed, 1 failed$' "$work/tests"
}
check "a test that is wrong fails" fails
open_umask() {
	in_demo clean && (umask 000 && in_demo check CFLAGS='-O2 -Werror')
}
check "what others could write is closed to them" open_umask
# The program that tp_test(3) prints, with the command that it prints.
example_runs() {
	local page=$dest$prefix/share/man/man3/tp_test.3

	awk '/^\.Sh/ { on = $2 == "EXAMPLES" } /^\.Ed/ { on = 0 } on && !/^\./' "$page" \
		>demo/example.c
	(cd demo && eval "$(grep '^cc -o example' "$page")" && ./example)
}
check "the example of tp_test(3) runs" example_runs
compiles_with_clang() {
	in_demo clean && in_demo check CC=clang CFLAGS='-O2 -Werror'
}
if command -v clang >/dev/null; then
	check "make check with clang" compiles_with_clang
fi
installs() {
	in_demo install PLUGINDIR="$plugindir" MANDIR="$dest$prefix/share/man" &&
		[ -x "$plugindir/demo.so" ] && [ -f "$dest$prefix/share/man/man5/turnpike-demo.5" ]
}
check "make install" installs

# --- in the daemon -----------------------------------------------------------------------

cd "$work"
make_certs
# with_limit PORT
with_limit() {
	{
		cat "$work/author/demo/demo.conf"
		echo "lowest_port = $1"
	} | write_config "$work/turnpike.conf" "plugins = demo auth_file"
	sed -i "s|^plugin_dir = .*|plugin_dir = $plugindir|" "$work/turnpike.conf"
	start_daemon "$work/turnpike.conf" || return 1
	udp=$(port_of udp 127.0.0.1)
}
login=(-u "$user" -p "$password" --timeout 3)
udp=0

says_no() {
	exits 1 run_probe "turn:127.0.0.1:$udp" "${login[@]}" >"$work/out" &&
		grep -q "FAILED  Allocate A .*403: .*not from this port" "$work/out"
}
check "the installed daemon loads it" with_limit 65535
check "it refuses, in its own words" says_no
stop_daemon
check "the daemon loads it with another limit" with_limit 1024
check "it lets clients pass" run_probe "turn:127.0.0.1:$udp" "${login[@]}"
stop_daemon

finish
