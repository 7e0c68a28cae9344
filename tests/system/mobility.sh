#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients go on from another address (RFC 8016): coturn's, which breaks before it makes, and one
# that moves between transports while media flows; on one, two and four workers.

. "$(dirname "$0")/lib.sh"

cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
make_certs

# start WORKERS
start() {
	write_config "$work/turnpike.conf" $'plugins = auth_file\nworkers = '"$1" </dev/null
	sed -i 's/^\[relay\]$/&\nmobility = yes/' "$work/turnpike.conf"
	start_daemon "$work/turnpike.conf"
}

# coturn OPTIONS...: clients that move between Allocate and their first media. Over TLS this
# client frees one session twice and falls.
coturn() {
	LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -M -u "$user" -w "$password" -y -c -m 4 -n 40 -l 170 -z 10 \
		"$@" 127.0.0.1 >"$work/uclient.log" 2>&1 || {
		tail -n 25 "$work/uclient.log"
		return 1
	}
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/uclient.log" &&
		grep -Eq "start_mclient: tot_send_msgs=([1-9][0-9]*), tot_recv_msgs=\1\$" \
			"$work/uclient.log"
}

counter() {
	ctl counters | awk -v name="$1" '$1 == name { print $2 }'
}

moved() {
	local moves

	moves=$(counter turn.allocations_moved)
	echo "$moves moves, $(counter turn.detours_begun) detours"
	[ "$moves" -gt "$1" ]
}

# Sixteen moves, each to a worker that the kernel chooses: all at home one time in 2^16 or more.
detoured() {
	echo "$(counter turn.detours_begun) detours"
	if [ "$1" = 1 ]; then
		[ "$(counter turn.detours_begun)" = 0 ]
	else
		[ "$(counter turn.detours_begun)" -gt 0 ]
	fi
}

for workers in 1 2 4; do
	start "$workers"
	udp=$(port_of udp 127.0.0.1)
	tcp=$(port_of tcp 127.0.0.1)
	tls=$(port_of tls 127.0.0.1)
	check "coturn's client, udp, $workers workers" coturn -p "$udp"
	check "coturn's client, udp, Send, $workers workers" coturn -p "$udp" -s
	check "coturn's client, tcp, $workers workers" coturn -p "$tcp" -t
	check "all of them have moved, $workers workers" moved 11
	around="udp:$udp tcp:$tcp udp:$udp tls:$tls"
	check "nothing is lost between transports, $workers workers" timeout 120 \
		"$root/tests/system/mobility.py" "$user" "$password" "$work/ca.pem" \
		$around $around $around $around
	check "the other workers took part, $workers workers" detoured "$workers"
	stop_daemon
done

write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"
forbidden() {
	coturn -p "$(port_of udp 127.0.0.1)" || grep "error 405 (Mobility Forbidden)" \
		"$work/uclient.log"
}
check "forbidden unless the configuration says otherwise" forbidden
stop_daemon
finish
