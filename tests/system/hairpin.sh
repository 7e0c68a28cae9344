#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients of one daemon relay to each other's relayed addresses, on two workers
# and with no line that allows a peer: all arrives, and the kernel carries none
# of it between the two allocations.

. "$(dirname "$0")/lib.sh"

cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
make_certs
write_config "$work/all.conf" $'plugins = auth_file\nworkers = 2' </dev/null
sed '/^\[peers\]/,/^$/d' "$work/all.conf" >"$work/turnpike.conf"
start_daemon "$work/turnpike.conf"

runs=()

# begin NAME OPTIONS...: eight clients in pairs, in the background.
begin() {
	local name=$1 number=${#runs[@]}

	shift
	runs+=("$name")
	{
		status=0
		LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -u "$user" \
			-w "$password" -y -c -m 8 -n 100 -l 170 -z 10 "$@" \
			>"$work/uclient.$number.log" 2>&1 || status=$?
		echo $status >"$work/uclient.$number.status"
	} &
}

# Nothing is lost, and it is not the agreement of nothing.
nothing_lost() {
	local log=$work/uclient.$1.log

	tail -n 5 "$log"
	[ "$(cat "$work/uclient.$1.status")" = 0 ] &&
		grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$log" &&
		grep -Eq "start_mclient: tot_send_msgs=([1-9][0-9]*), tot_recv_msgs=\1\$" "$log"
}

end_all() {
	local number

	for number in "${!runs[@]}"; do
		within 70 test -f "$work/uclient.$number.status" || true
		check "${runs[$number]}" nothing_lost "$number"
	done
	runs=()
	rm -f "$work"/uclient.*
}

for host in 127.0.0.1 ::1; do
	name=$host
	family=()
	if [ $host = ::1 ]; then
		name='[::1]'
		family=(-x)
	fi
	to=(${family[@]+"${family[@]}"} $host)
	udp=$(port_of udp "$name")
	tcp=$(port_of tcp "$name")
	dtls=$(port_of dtls "$name")
	begin "udp, channels, $host" -p "$udp" "${to[@]}"
	begin "udp, Send, $host" -p "$udp" -s "${to[@]}"
	begin "tcp, channels, $host" -p "$tcp" -t "${to[@]}"
	begin "tcp, Send, $host" -p "$tcp" -t -s "${to[@]}"
	begin "dtls, channels, $host" -p "$dtls" -S -E "$work/ca.pem" "${to[@]}"
	end_all
done

counter() {
	sed -n "s/.*counter turn\.$1=\([0-9]*\).*/\1/p" "$daemon_log" | tail -n 1
}

counted() {
	grep -q "counter turn.hairpin_packets=" "$daemon_log"
}

# What clients sent to peers is what went from client to client, and has arrived there.
all_inside() {
	local sent

	kill -USR1 "$daemon_pid"
	within 10 counted || return 1
	sent=$(counter client_to_peer_packets)
	echo "sent $sent, inside $(counter hairpin_packets)," \
		"received $(counter peer_to_client_packets)"
	[ "$sent" -ge 8000 ] && [ "$(counter hairpin_packets)" = "$sent" ] &&
		[ "$(counter peer_to_client_packets)" = "$sent" ]
}
check "all of it went inside the process" all_inside

stop_daemon
finish
