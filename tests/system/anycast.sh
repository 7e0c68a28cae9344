#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Anycast (RFC 8155): who asks 127.0.0.2 for an allocation is sent to 127.0.0.1 of the
# same daemon and gets it there, whatever else sends clients away.

. "$(dirname "$0")/lib.sh"

make_certs
port=$(free_port)
secure=$(free_port)
config=$work/turnpike.conf

printf '%s plain:%s\n' "$user" "$password" >"$work/users"
chmod 600 "$work/users"

# configure PLUGINS
configure() {
	cat >"$config" <<-END
	[turnpike]
	realm = $realm
	plugin_dir = $build/plugins
	control = $config.sock
	plugins = $1
	alternate_servers = 127.0.0.3:$port

	[listener.unicast]
	transport = udp tcp
	address = 127.0.0.1:$port

	[listener.unicast_secure]
	transport = tls dtls
	address = 127.0.0.1:$secure
	certificate = $work/cert.pem
	key = $work/key.pem

	[listener.anycast]
	transport = udp tcp
	address = 127.0.0.2:$port
	redirect_to = 127.0.0.1

	[listener.anycast_secure]
	transport = tls dtls
	address = 127.0.0.2:$secure
	certificate = $work/cert.pem
	key = $work/key.pem
	redirect_to = 127.0.0.1

	[relay]
	address = 127.0.0.1

	[peers]
	lift = loopback

	[plugin.auth_file]
	users = $work/users

	[plugin.redirect]
	targets = 127.0.0.1:$port
	check = none
	END
}

configure auth_file
start_daemon "$config"

# clients ADDRESS WORDS: what becomes of ten clients of an address.
clients() {
	"$root/tests/system/redirect.py" "$1" "$port" "$user" "$password" 10 follow >"$work/sent"
	cat "$work/sent"
	[ "$(grep -c " $2\$" "$work/sent")" = 10 ]
}
check "clients of the anycast address are sent to the unicast one" \
	clients 127.0.0.2 "127.0.0.1:$port 0"
check "there they are served" clients 127.0.0.1 served

binding() {
	timeout 20 turnutils_stunclient -p "$port" 127.0.0.2 >"$work/binding.log" 2>&1
	cat "$work/binding.log"
	grep -q "UDP reflexive addr: 127.0.0.1" "$work/binding.log"
}
check "Binding is answered at the anycast address" binding

# uclient PORT OPTIONS...: coturn's client follows.
uclient() {
	timeout 60 turnutils_uclient -u "$user" -w "$password" -p "$1" -y -c -s -n 3 -m 1 "${@:2}" \
		127.0.0.2 >"$work/uclient.log" 2>&1 || true
	tail -n 20 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%)" "$work/uclient.log"
}
check "coturn's client over udp" uclient "$port"
check "coturn's client over tcp" uclient "$port" -t
check "coturn's client over tls" uclient "$secure" -t -S
check "coturn's client over dtls" uclient "$secure" -S

# A plugin that sends everybody away has its way at the anycast address alone.
everybody() {
	configure "redirect auth_file" && ctl reload
}
check "a plugin sends all away" everybody
check "and is asked at the anycast address" clients 127.0.0.2 "127.0.0.1:$port 0"
check "but not at the unicast one" clients 127.0.0.1 served
it_sent() {
	ctl counters >"$work/counters" && grep redirect "$work/counters" &&
		grep -q "plugin.redirect.sent *$1 " "$work/counters"
}
check "it has sent ten" it_sent 10

stop_daemon
finish
