#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IP headers on their way through the relay: a client, the server and a peer in network
# namespaces of their own, with a router between them and a narrow link behind it.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/networks.sh"

narrow=1400 # MTU

make_networks client server peer
connect inside $client 192.0.2.2 192.0.2.1 2001:db8:1::2 2001:db8:1::1
connect middle $server 198.51.100.10 198.51.100.1 2001:db8:2::10 2001:db8:2::1
connect beyond $peer 203.0.113.2 203.0.113.1 2001:db8:3::2 2001:db8:3::1

# narrow NAME NAMESPACE MTU: both ends of a cable.
narrow() {
	enter "$2" ip link set "$1" mtu "$3"
	enter $router ip link set "$1" mtu "$3"
}

# set_kernel NAMESPACE NAME VALUE: below /proc/sys/net.
set_kernel() {
	enter "$1" sh -c "echo $3 >/proc/sys/net/$2"
}
narrow beyond $peer $narrow
for namespace in $router $peer; do # every error is told
	set_kernel $namespace ipv4/icmp_ratelimit 0
	set_kernel $namespace ipv6/icmp/ratelimit 0
done

printf '%s plain:%s\n' "$user" "$password" >"$work/users"
chmod 600 "$work/users"

# configure BACKEND ADDRESSES CARRY
configure() {
	cat >"$work/turnpike.conf" <<-END
	[turnpike]
	realm = $realm
	plugin_dir = $build/plugins
	control = $work/turnpike.conf.sock
	plugins = auth_file
	workers = 1

	[listener.plain]
	transport = udp tcp
	address = $2

	[relay]
	address = 198.51.100.10 2001:db8:2::10
	icmp = yes
	carry_marks = $3

	[peers]
	allow = 203.0.113.0/24 2001:db8:3::/64

	[io]
	backend = $1

	[plugin.auth_file]
	users = $work/users
	END
}

daemon_binary=$work/turnpike
inside_of "$server" "$daemon_binary"
marks=$root/tests/system/marks.py

nsenter --net=/proc/$peer/ns/net "$marks" peer 203.0.113.2 "$work/peer4" &
pids+=($!)
nsenter --net=/proc/$peer/ns/net "$marks" peer 2001:db8:3::2 "$work/peer6" &
pids+=($!)
within 20 test -s "$work/peer4"
within 20 test -s "$work/peer6"

# finds FAMILY CASE OPTIONS...
finds() {
	local ends

	if [ "$1" = 4 ]; then
		ends="--server 198.51.100.10 3478 --peer 203.0.113.2 $(cat "$work/peer4")
			--router 203.0.113.1"
	else
		ends="--server 2001:db8:2::10 3478 --peer 2001:db8:3::2 $(cat "$work/peer6")
			--router 2001:db8:3::1"
	fi
	shift
	# shellcheck disable=SC2086
	enter $client timeout 60 "$marks" "$@" $ends --user "$user" --password "$password"
}

# counted COUNTER VALUE
counted() {
	ctl counters >"$work/counters"
	grep "$1" "$work/counters"
	grep -qE "^$1[ =\"]+$2([^0-9]|\$)" "$work/counters"
}

# forget: what was learnt of the paths.
forget() {
	enter $server ip route flush cache
	enter $server ip -6 route flush cache
}

# The kernel takes a moment to be sure of its IPv6 addresses.
reaches() {
	enter $client timeout 10 "$probe" --timeout 1 "stun:$1" >/dev/null 2>&1
}

# begin BACKEND ADDRESSES CARRY: with the daemon, or say why not.
begin() {
	configure "$@"
	if ! start_daemon "$work/turnpike.conf"; then
		check "$1: says why it cannot be used" \
			grep -q "\[io\] backend: $1 .*\(cannot be used\|is not built\)" "$daemon_log"
		return 1
	fi
	within 20 reaches 198.51.100.10
	within 20 reaches '[2001:db8:2::10]'
	forget
}

for backend in uring mmsg plain; do
	begin $backend "0.0.0.0:3478 [::]:3478" yes || continue
	for family in 4 6; do
		name="$backend, IPv$family"
		check "$name: TTL, DSCP and ECN go through" finds $family carried
		check "$name: hops end" finds $family last_hop
		check "$name: nobody there" finds $family port_unreachable
		check "$name: no UDP checksum" finds $family no_checksum
		check "$name: DF from TCP" finds $family whole_or_told --tcp --mtu $narrow
	done
	check "$backend: hops that ended here are counted" counted turn.discarded_hop_limit 4
	# What ICMP tells comes when the socket has sent other datagrams since.
	enter $router tc qdisc add dev middle root tbf rate 400kbit burst 3000 latency 2s ||
		echo "the kernel has no tbf: nothing is late"
	check "$backend, IPv4: DF" finds 4 whole_or_told --mtu $narrow
	enter $router tc qdisc del dev middle root 2>/dev/null || true
	forget
	check "$backend, IPv6: DONT-FRAGMENT is ignored" finds 6 ignored_attribute --mtu $narrow

	narrow middle $server 1350
	forget
	check "$backend, IPv4: the server's own link" finds 4 whole_or_told --tcp --mtu 1350
	check "$backend, IPv6: the server's own link" finds 6 whole_or_told --tcp --mtu 1350
	narrow middle $server 1500
	stop_daemon
done

begin auto "198.51.100.10 [2001:db8:2::10]" no
for family in 4 6; do
	check "the system's marks, IPv$family" finds $family not_carried
done
stop_daemon
finish
