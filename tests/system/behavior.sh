#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NAT behaviour discovery (RFC 5780): coturn's client finds what there is on
# loopback, on two addresses and two ports, whichever worker is asked.

. "$(dirname "$0")/lib.sh"

make_certs
port=$(free_port)
other=$(free_port)
tls=$(free_port)
tls_other=$(free_port)
cat >"$work/turnpike.conf" <<END
[turnpike]
realm = $realm
workers = 3
control = $work/turnpike.conf.sock

[listener.nat]
transport = udp tcp
address = 127.0.0.1:$port
alternate_address = 127.0.0.2:$other

[listener.nat_tls]
transport = tls
address = 127.0.0.1:$tls
alternate_address = 127.0.0.2:$tls_other
certificate = $work/cert.pem
key = $work/key.pem

[listener.plain]
transport = udp tcp
address = 127.0.0.1:0
END
start_daemon "$work/turnpike.conf"

# discovers WORDS OPTIONS...: coturn's client says these words.
discovers() {
	local words=$1

	shift
	timeout 60 turnutils_natdiscovery "$@" -p "$port" 127.0.0.1 >"$work/nat.out" 2>&1 || true
	cat "$work/nat.out"
	grep -q "$words" "$work/nat.out"
}

all_four_listen() {
	local address

	for address in 127.0.0.1:$port 127.0.0.1:$other 127.0.0.2:$port 127.0.0.2:$other; do
		grep -q "listening.*transport=udp address=$address\$" "$daemon_log" || return 1
	done
}
check "four addresses are listened on" all_four_listen
for i in 1 2 3 4 5; do
	check "coturn's client, mapping, $i" discovers "Endpoint Independent Mapping" -m
	check "coturn's client, filtering, $i" discovers "Endpoint Independent Filtering" -f
done
check "coturn's client, padding" discovers "Endpoint Independent Filtering" -f -P
check "coturn's client, hairpin" discovers "successful hairpinning" -H
check "coturn's client, hairpin and padding" discovers "successful hairpinning" -H -P
check "coturn's client, lifetime" discovers "RFC 5780 response 2" -t -T 1
check "coturn's client, collision" discovers "UDP reflexive addr: 127.0.0.3:" -c \
	-L 127.0.0.1 -l "$(free_port)" -A 127.0.0.3

# finds WORDS STATUS SERVER: what our own client prints, and its exit status.
finds() {
	exits "$2" run_probe nat --timeout 1 --json "stun:$3" >"$work/nat.json" || return 1
	cat "$work/nat.json"
	grep -q "$1" "$work/nat.json"
}
independent='"nat":false,"mapping":"endpoint-independent","filtering":"endpoint-independent"'
for server in 127.0.0.1:$port 127.0.0.1:$other 127.0.0.2:$port 127.0.0.2:$other; do
	check "turnpike-probe nat, $server" finds "$independent" 0 "$server"
done
check "one address tells no behaviour" finds '"other_address":null.*"mapping":"unknown"' 1 \
	"127.0.0.1:$(sed -n 's/.*transport=udp address=127.0.0.1:\([0-9]*\)$/\1/p' "$daemon_log" |
		grep -vx -e "$port" -e "$other")"
check "nobody there" finds '"reached":false' 1 "127.0.0.3:$port"
# names TRANSPORT ADDRESS PORT OTHER-ADDRESS OTHER-PORT: what a connection is told.
names() {
	"$root/tests/system/behavior.py" "$1" "$2" "$3" >"$work/stream.out" || return 1
	cat "$work/stream.out"
	printf '%s:%s %s:%s True\n420\n' "$2" "$3" "$4" "$5" | cmp - "$work/stream.out"
}
for transport in tcp tls; do
	one=$port
	two=$other
	if [ $transport = tls ]; then
		one=$tls
		two=$tls_other
	fi
	check "$transport, 1" names $transport 127.0.0.1 "$one" 127.0.0.2 "$two"
	check "$transport, 2" names $transport 127.0.0.1 "$two" 127.0.0.2 "$one"
	check "$transport, 3" names $transport 127.0.0.2 "$one" 127.0.0.1 "$two"
	check "$transport, 4" names $transport 127.0.0.2 "$two" 127.0.0.1 "$one"
done

independent='"nat":false,"mapping":"endpoint-independent","filtering":"unknown"'
independent="$independent,\"hairpinning\":true"
for server in 127.0.0.1:$port 127.0.0.1:$other 127.0.0.2:$port 127.0.0.2:$other; do
	check "turnpike-probe nat over tcp, $server" finds "$independent" 0 "$server?transport=tcp"
done
check "nobody there, tcp" finds '"reached":false' 1 "127.0.0.3:$port?transport=tcp"
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
