#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# redirect in a real daemon: two others take its clients, by weight, as long as they
# are there. Clients are those of redirect.py and coturn's.

. "$(dirname "$0")/lib.sh"

make_certs
first=$(free_port)
second=$(free_port)
front=$work/front.conf

# write_back FILE PORT: a server that others send clients to.
write_back() {
	write_config "$1" </dev/null
	sed -i "s/^address = 127.0.0.1:0 \[::1\]:0\$/address = 127.0.0.1:$2/; /^\[listener.secure\]/,\$s/^address = 127.0.0.1:$2\$/address = 127.0.0.1:0/" "$1"
}

# start_back NUMBER PORT: sets back_pid[NUMBER].
start_back() {
	write_back "$work/back$1.conf" "$2"
	start_daemon "$work/back$1.conf"
	back_pid[$1]=$daemon_pid
}

stop_back() {
	stop "${back_pid[$1]}"
}

# front_has LINES
front_has() {
	write_config "$front" "plugins = redirect auth_file" <<-END
	[plugin.redirect]
	interval = 100ms
	timeout = 1s
	$1
	END
}

back_pid=()
start_back 1 "$first"
first_tls=$(port_of tls 127.0.0.1)
start_back 2 "$second"
front_has "targets = 127.0.0.1:$first*3 127.0.0.1:$second"
start_daemon "$front"
udp=$(port_of udp 127.0.0.1)

# are STATES: of both targets in their order, as the daemon says.
are() {
	ctl plugin do redirect list >"$work/list" && cat "$work/list" &&
		[ "$(awk '$1 == "127.0.0.1" { printf "%s ", $2 }' "$work/list")" = "$1 " ]
}

# clients COUNT [follow]: where they are sent is in sent.log then.
clients() {
	"$root/tests/system/redirect.py" 127.0.0.1 "$udp" "$user" "$password" "$@" >"$work/sent.log"
}

# all_go WHERE COUNT
all_go() {
	clients "$2" && sort "$work/sent.log" | cut -d' ' -f2 | uniq -c &&
		[ "$(grep -c " $1\$" "$work/sent.log")" = "$2" ]
}

check "both are up" within 20 are "up up"
check "clients are sent away" clients 400
cp "$work/sent.log" "$work/sent.first"
by_weight() {
	local count

	count=$(grep -c ":$first\$" "$work/sent.first")
	echo "$count of $(wc -l <"$work/sent.first")"
	[ "$count" -ge 240 ] && [ "$count" -le 360 ] &&
		[ "$(grep -c ":$second\$" "$work/sent.first")" = $((400 - count)) ]
}
check "three of four to the heavier" by_weight
same_again() {
	clients 400 && cmp "$work/sent.log" "$work/sent.first"
}
check "each to the same again" same_again
check "after a reload, too" ctl reload
check "each to the same, still" same_again
follow() {
	clients 20 follow && cat "$work/sent.log" && [ "$(grep -c " 0\$" "$work/sent.log")" = 20 ]
}
check "they are served there" follow

# coturn's client goes where it is sent.
uclient() {
	timeout 60 turnutils_uclient -u "$user" -w "$password" -p "$udp" -y -c -s -n 3 -m 1 "$@" \
		127.0.0.1 >"$work/uclient.log" 2>&1 || true
	tail -n 20 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%)" "$work/uclient.log"
}
check "coturn's client, udp" uclient

stop_back 1
check "one is gone" within 20 are "down up"
check "all go to the other" all_go "127.0.0.1:$second" 100
said_down() {
	grep "target is down: 127.0.0.1:$first " "$front.log"
}
check "the log says so" said_down
stop_back 2
check "both are gone" within 20 are "down down"
check "clients are served here" all_go served 20
start_back 1 "$first"
start_back 2 "$second"
first_tls=$(port_of tls 127.0.0.1)
daemon_config=$front
check "both come back" within 20 are "up up"
check "each client goes where it went" same_again

check "a target is switched off" ctl plugin do redirect off "127.0.0.1:$first"
check "all go to the other again" all_go "127.0.0.1:$second" 50
check "it is switched on" ctl plugin do redirect on "127.0.0.1:$first"
check "each client goes where it went, again" same_again

# tls_target LINES: second's TLS port is checked from now on.
tls_target() {
	front_has "targets = tls://127.0.0.1:$first_tls
$1"
	ctl reload
}
check "a target of tls" tls_target "ca_file = $work/ca.pem"
check "its certificate is good" within 20 are up
check "clients of udp are no more sent there" all_go served 5
check "whom to trust is another" tls_target "rise = 1"
check "its certificate is not" within 20 are down
check "nobody looks" tls_target "verify = no"
check "it is up again" within 20 are up

drains() {
	front_has "targets = 127.0.0.1:$first 127.0.0.1:$second
when = draining"
	ctl reload
}
check "only while it drains" drains
check "both are up then, too" within 20 are "up up"
check "until then clients are served" all_go served 5
check "it drains" ctl drain
check "now they are sent away" clients 50
none_served() {
	! grep -v ":$first\$\|:$second\$" "$work/sent.log"
}
check "all of them" none_served

for pid in "${back_pid[@]}"; do
	stop "$pid"
done
daemon_log=$front.log
daemon_pid=${pids[2]}
stop_daemon
finish
