#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# coturn's clients through the daemon: every transport and address family, Send
# indications and channels, with a peer and between two clients. Nothing is lost.

. "$(dirname "$0")/lib.sh"

cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
make_certs
write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"

peer_port=$(free_port)
for host in 127.0.0.1 ::1; do
	turnutils_peer -L $host -p "$peer_port" >"$work/peer.log" 2>&1 &
	pids+=($!)
done

runs=()

# begin NAME OPTIONS...: in the background, each takes seconds of its own pace.
begin() {
	local name=$1 number=${#runs[@]}

	shift
	runs+=("$name")
	{
		status=0
		LD_PRELOAD=$work/low_channels.so timeout 90 turnutils_uclient -u "$user" \
			-w "$password" -r "$peer_port" -n 100 -l 170 -z 10 "$@" \
			>"$work/uclient.$number.log" 2>&1 || status=$?
		echo $status >"$work/uclient.$number.status"
	} &
}

# Sent and received agree, nothing is lost, and it is not the agreement of nothing.
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
		within 100 test -f "$work/uclient.$number.status" || true
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
	udp=$(port_of udp "$name")
	tcp=$(port_of tcp "$name")
	tls=$(port_of tls "$name")
	dtls=$(port_of dtls "$name")
	to=(-e "$host" ${family[@]+"${family[@]}"})
	begin "udp, channels, $host" -p "$udp" "${to[@]}" $host
	begin "udp, Send, $host" -p "$udp" -s "${to[@]}" $host
	begin "udp, no even port, $host" -p "$udp" -c "${to[@]}" $host
	begin "udp, three clients, $host" -p "$udp" -c -m 3 "${to[@]}" $host
	begin "udp, extra requests, $host" -p "$udp" -G -c "${to[@]}" $host
	end_all
	begin "tcp, channels, $host" -p "$tcp" -t "${to[@]}" $host
	begin "tcp, Send, $host" -p "$tcp" -t -s "${to[@]}" $host
	begin "tls, channels, $host" -p "$tls" -t -S -E "$work/ca.pem" "${to[@]}" $host
	begin "tls, Send, $host" -p "$tls" -t -S -s "${to[@]}" $host
	end_all
	begin "dtls, channels, $host" -p "$dtls" -S -E "$work/ca.pem" "${to[@]}" $host
	begin "dtls, Send, $host" -p "$dtls" -S -s "${to[@]}" $host
	begin "udp, client to client, $host" -p "$udp" -y ${family[@]+"${family[@]}"} $host
	begin "tcp, client to client, $host" -p "$tcp" -t -y ${family[@]+"${family[@]}"} $host
	end_all
done

udp=$(port_of udp 127.0.0.1)
begin "udp, IPv4 asked for" -p "$udp" -X -e 127.0.0.1 127.0.0.1
begin "udp, IPv6 for a client on IPv4" -p "$udp" -x -e ::1 127.0.0.1
begin "udp, IPv4 for a client on IPv6" -p "$(port_of udp '[::1]')" -X -e 127.0.0.1 ::1
end_all

stun_client() {
	timeout 20 turnutils_stunclient -p "$1" "$2" >"$work/stun.out" 2>&1
	cat "$work/stun.out"
	grep -q "UDP reflexive addr: $2:" "$work/stun.out"
}
check "stunclient, 127.0.0.1" stun_client "$(port_of udp 127.0.0.1)" 127.0.0.1
check "stunclient, ::1" stun_client "$(port_of udp '[::1]')" ::1
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
