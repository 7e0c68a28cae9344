#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RFC 6062 with real sockets: a client of our own and coturn's, over TCP and TLS, with
# peers, with each other, on one to four workers.

. "$(dirname "$0")/lib.sh"

make_certs

# start WORKERS: a daemon that relays TCP
start() {
	write_config "$work/turnpike.conf" "plugins = auth_file
		workers = $1" </dev/null
	sed -i "s/^\[relay\]$/&\ntcp = yes/" "$work/turnpike.conf"
	start_daemon "$work/turnpike.conf"
}

# at HOST: as port_of() has it
at() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

# client SCENARIO TRANSPORT HOST
client() {
	local tls=()

	[ "$2" = tcp ] || tls=(--tls "$work/ca.pem")
	timeout 120 /usr/bin/python3 "$root/tests/system/tcp_relay.py" "$1" "$3" \
		"$(port_of "$2" "$(at "$3")")" "$user" "$password" --pid "$daemon_pid" \
		${tls[@]+"${tls[@]}"}
}

# scenarios SCENARIO...: each over TCP and TLS, IPv4 and IPv6
scenarios() {
	local scenario

	for scenario in "$@"; do
		check "$scenario, tcp, 127.0.0.1, $workers" client "$scenario" tcp 127.0.0.1
		check "$scenario, tcp, ::1, $workers" client "$scenario" tcp ::1
		check "$scenario, tls, 127.0.0.1, $workers" client "$scenario" tls 127.0.0.1
		check "$scenario, tls, ::1, $workers" client "$scenario" tls ::1
	done
}

# --- our client ---------------------------------------------------------------------

for count in 1 2 4; do
	workers="$count workers"
	start $count
	if [ $count = 1 ]; then
		scenarios transfer pair errors
		check "slow, tcp" client slow tcp 127.0.0.1
		check "slow, tls" client slow tls 127.0.0.1
	else
		scenarios transfer ends
	fi
	[ $count = 4 ] || stop_daemon
done

# --- what is told of it -------------------------------------------------------------

mkfifo "$work/hold"
client hold tcp 127.0.0.1 <"$work/hold" >"$work/held" 2>"$work/hold.log" &
holder=$!
pids+=("$holder")
exec 3>"$work/hold"
within 30 test -s "$work/held" || true

# The session has the relayed port, its connection and what went each way.
is_listed() {
	ctl --json sessions | tee /dev/stderr |
		/usr/bin/python3 -c 'import json, sys; text = sys.stdin.read()
assert sys.argv[1] in text and "1000" in text and "2345" in text
session, = (s for s in json.loads(text)["sessions"] if s["relayed"].endswith(":" + sys.argv[1]))
assert session["relays"] == "tcp" and session["data_connections"] == 1' "$(cat "$work/held")"
}
check "sessions tell the traffic and the data connection" is_listed
has_a_column() {
	ctl sessions | tee /dev/stderr | awk -v port=":$(cat "$work/held") " '
	NR == 1 {
		for (i = 1; i <= NF; i++) {
			at = $i == "TCP" ? i : at
		}
	}
	index($0, port) {
		right = $at == 1
	}
	END {
		exit !(at && right)
	}'
}
check "in a table, too" has_a_column
exec 3>&-
wait "$holder" || true

counted() {
	ctl counters >"$work/counters"
	cat "$work/counters"
	grep -Eq "turn.data_connections[^_].*[1-9]" "$work/counters" &&
		grep -Eq "turn.peer_connections[^_].*[1-9]" "$work/counters"
}
check "counters tell the connections" counted

# --- coturn's client ------------------------------------------------------------------

peer_port=$(free_port)
for host in 127.0.0.1 ::1; do
	/usr/bin/python3 "$root/tests/system/tcp_relay.py" echo $host "$peer_port" - - &
	pids+=($!)
done

# Sent and received agree, nothing is lost, and it is not the agreement of nothing.
uclient() {
	local log=$work/uclient.log

	timeout 90 turnutils_uclient -T -t -u "$user" -w "$password" -n 30 -l 170 -z 10 -m 2 \
		"$@" >"$log" 2>&1 || {
		tail -n 20 "$log"
		return 1
	}
	tail -n 5 "$log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$log" &&
		grep -Eq "start_mclient: tot_send_msgs=([1-9][0-9]*), tot_recv_msgs=\1\$" "$log"
}

for host in 127.0.0.1 ::1; do
	tcp=$(port_of tcp "$(at $host)")
	tls=$(port_of tls "$(at $host)")
	family=()
	[ $host = 127.0.0.1 ] || family=(-x)
	check "uclient, peer, tcp, $host" uclient -e $host -r "$peer_port" -p "$tcp" \
		${family[@]+"${family[@]}"} $host
	check "uclient, peer, tls, $host" uclient -S -E "$work/ca.pem" -e $host \
		-r "$peer_port" -p "$tls" ${family[@]+"${family[@]}"} $host
	check "uclient, each other, tcp, $host" uclient -y -p "$tcp" \
		${family[@]+"${family[@]}"} $host
done
stop_daemon

# --- off ----------------------------------------------------------------------------------

write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"
off() {
	client hold tcp 127.0.0.1 </dev/null && return 1
	ctl counters | grep -E "turn.errors_442.*1"
}
check "without tcp = yes it is 442" off
stop_daemon
finish
