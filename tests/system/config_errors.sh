#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mistake in the configuration or a plugin that is none ends the start with
# status 1 and a sentence; nothing listens before everything is right.

. "$(dirname "$0")/lib.sh"

make_certs
good=$work/good.conf
write_config "$good" </dev/null

# refused FILE PATTERN: the daemon ends by itself, says so, and has not listened.
refused() {
	local out=$work/refused.log status=0

	timeout 20 "$turnpike" -c "$1" >"$out" 2>&1 || status=$?
	cat "$out"
	[ $status = 1 ] || {
		echo "exit status $status instead of 1"
		return 1
	}
	grep -Eqi -- "$2" "$out" || {
		echo "no line matches: $2"
		return 1
	}
	! grep -q "listening transport=" "$out" || {
		echo "it has listened"
		return 1
	}
}

# mistake NAME PATTERN SED-SCRIPT: the good file with one change.
mistake() {
	sed -e "$3" "$good" >"$work/bad.conf"
	if cmp -s "$good" "$work/bad.conf"; then
		fail "$1: the change changes nothing"
		return
	fi
	check "$1" refused "$work/bad.conf" "$2"
}

accepted() {
	timeout 20 "$turnpike" -t -c "$good"
}
check "the file without a mistake is fine" accepted

check "no such file" refused "$work/none.conf" "none\.conf"
mistake "unknown key, with the nearest one" "relm.*realm" "s/^realm =/relm =/"
mistake "unknown section" "relais" "s/^\[relay\]/[relais]/"
mistake "a key twice" "realm" "s/^realm = \(.*\)/realm = \1\nrealm = other.example.org/"
mistake "a section twice" "relay" "s/^\[peers\]/[relay]\nports = 50000-50100\n[peers]/"
mistake "an unquoted # in a value" "realm|#" "s/^realm = .*/realm = turn#example/"
mistake "an address that is none" "300\.0\.0\.1" \
	"s/^address = 127.0.0.1:0 .*/address = 300.0.0.1:0/"
mistake "a port out of range" "70000" "s/^address = 127.0.0.1:0 .*/address = 127.0.0.1:70000/"
mistake "a transport that is none" "sctp" "s/^transport = udp tcp/transport = udp sctp/"
mistake "a number that is none" "workers" "s/^realm = .*/&\nworkers = many/"
mistake "a certificate that is not there" "missing\.pem" "s/cert\.pem/missing.pem/"
mistake "a key that is not the certificate's" "do not (go together|match)" "s/key\.pem/ca.key/"
mistake "a plugin that is not there" "no_such_plugin" \
	"s/^plugins = .*/plugins = no_such_plugin/"
mistake "an unknown option of a plugin" "usrs.*users" "s/^users =/usrs =/"
mistake "a file that a plugin does not find" "nobody-home" \
	"s/^users = .*/users = \/nobody-home/"

# What is no plugin, under an absolute path.
not_a_plugin() {
	sed "s|^plugins = .*|plugins = $1|" "$good" >"$work/bad.conf"
	refused "$work/bad.conf" "$2"
}
echo "not an object" >"$work/text.so"
check "a file that is no shared object" not_a_plugin "$work/text.so" "text\.so"

compile() {
	cc -shared -fPIC -o "$work/$1.so" -x c - && chmod 755 "$work/$1.so"
}
echo "int something_else;" | compile symbol
check "a shared object without the symbol" not_a_plugin "$work/symbol.so" \
	"symbol\.so.*turnpike_plugin"
cp "$work/symbol.so" "$work/open.so"
chmod 777 "$work/open.so"
check "a shared object that others can write" not_a_plugin "$work/open.so" "open\.so.*writ"
check "a relative path" not_a_plugin "../symbol" "symbol"

in_use() {
	start_daemon "$good" || return 1
	sed "0,/^address = 127.0.0.1:0 .*/s//address = 127.0.0.1:$(port_of tcp 127.0.0.1)/" \
		"$good" >"$work/bad.conf"
	sed -i "s/^transport = udp tcp/transport = tcp/" "$work/bad.conf"
	refused "$work/bad.conf" "in use|already" || return 1
	end_daemon
}
check "an address that another program has" in_use

check "an unknown option on the command line" exits 2 timeout 20 "$turnpike" --sideways

finish
