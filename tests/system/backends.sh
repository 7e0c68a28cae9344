#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The daemon on each way of moving datagrams: every byte arrives, alone and in
# trains, over IPv4 and IPv6; what cannot be had is said.

. "$(dirname "$0")/lib.sh"

# relays HOST ARGUMENTS...: nothing lost, nothing wrong.
relays() {
	local host=$1

	shift
	"$probe" load -u "$user" -p "$password" --allocations 20 --seconds 1 --json "$@" \
		"turn:$host:$(port_of udp "$host")" >"$work/load.json" || return 1
	cat "$work/load.json"
	grep -q '"lost": 0, "reordered": 0, "duplicated": 0, "corrupt": 0' "$work/load.json" &&
		grep -q '"failed": 0' "$work/load.json"
}

make_certs
for backend in uring mmsg plain; do
	write_config "$work/turnpike.conf" <<-END
	[io]
	backend = $backend
	END
	if ! start_daemon "$work/turnpike.conf"; then
		check "$backend: says why it cannot be used" \
			grep -q "\[io\] backend: $backend .*\(cannot be used\|is not built\)" \
			"$daemon_log"
		continue
	fi
	check "$backend: packets" relays 127.0.0.1 --rate 4000 --size 172
	check "$backend: Send and Data" relays 127.0.0.1 --rate 4000 --mode send
	check "$backend: trains over IPv6" relays '[::1]' --rate 8000 --size 1000 --train 10
	stop_daemon
done

finish
