#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bytes that are nobody's friend on every port: the daemon lives, counts them,
# goes on serving, and gives every descriptor back.

. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-20000}
seed=${SEED:-$RANDOM}
echo "  seed $seed"

make_certs
write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"
login=(-u "$user" -p "$password" --timeout 5)
udp=$(port_of udp 127.0.0.1)

throw() {
	timeout 120 "$root/tests/system/hostile.py" "$seed" "$@" "$rounds" && alive "$daemon_pid"
}

sockets=$(udp_sockets "$daemon_pid")
check "udp survives" throw udp 127.0.0.1 "$udp"
check "udp on IPv6 survives" throw udp ::1 "$(port_of udp '[::1]')"
check "tcp survives" throw tcp 127.0.0.1 "$(port_of tcp 127.0.0.1)"
check "tls survives" throw tls 127.0.0.1 "$(port_of tls 127.0.0.1)"
check "dtls survives" throw udp 127.0.0.1 "$(port_of dtls 127.0.0.1)"

# While somebody works, too: from another address, as unverified answers are limited for each.
under_fire() {
	local fire status=0

	"$root/tests/system/hostile.py" "$seed" udp ::1 "$(port_of udp '[::1]')" "$rounds" &
	fire=$!
	run_probe "turn:127.0.0.1:$udp" "${login[@]}" --max-loss 20 || status=$?
	wait $fire
	return $status
}
check "a client is served meanwhile" under_fire
check "tls still serves" run_probe "turns:127.0.0.1:$(port_of tls 127.0.0.1)" "${login[@]}" \
	--ca "$work/ca.pem"
check "dtls still serves" run_probe "turns:127.0.0.1:$(port_of dtls 127.0.0.1)?transport=udp" \
	"${login[@]}" --ca "$work/ca.pem"

counted() {
	kill -USR1 "$daemon_pid"
	within 5 grep -Eq "turn[.]exceptions[= ]+[1-9]" "$daemon_log"
}
check "what came in is counted" counted

no_socket_left() {
	[ "$(udp_sockets "$daemon_pid")" = "$sockets" ]
}
check "nothing of it is left" within 15 no_socket_left

bounded_log() {
	[ "$(wc -c <"$daemon_log")" -lt 2000000 ]
}
check "the log stays small" bounded_log
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
