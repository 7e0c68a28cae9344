#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every transport on one port: what a client speaks is told by its first byte.

. "$(dirname "$0")/lib.sh"

cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
make_certs
config=$work/turnpike.conf
write_config "$config" </dev/null
port=$(free_port)
# The port of TCP may be anybody's in UDP: try others.
all_on_one() {
	sed -e "s/^transport = udp tcp\$/transport = udp tcp tls dtls\ncertificate = ${work//\//\\/}\/cert.pem\nkey = ${work//\//\\/}\/key.pem/" \
		-e "0,/^address = 127.*/s//address = 127.0.0.1:$port [::1]:$port/" "$1" >"$config"
}
cp "$config" "$work/several.conf"
for _ in 1 2 3; do
	all_on_one "$work/several.conf"
	start_daemon "$config" >"$work/start.log" 2>&1 && break
	port=$(free_port)
done
check "the daemon is there" alive "$daemon_pid"

listens() {
	local transport

	for transport in udp tcp tls dtls; do
		grep -q "listening transport=$transport address=$1:$port" "$daemon_log" || return 1
	done
}
check "the log tells all four, 127.0.0.1" listens 127.0.0.1
check "the log tells all four, ::1" listens '\[::1\]'

probe_by() {
	run_probe --timeout 3 --count 20 -u "$user" -p "$password" --ca "$work/ca.pem" "$@"
}
for host in 127.0.0.1 '[::1]'; do
	check "udp, $host" probe_by "turn:$host:$port"
	check "tcp, $host" probe_by "turn:$host:$port?transport=tcp"
	check "tls, $host" probe_by "turns:$host:$port"
	check "dtls, $host" probe_by "turns:$host:$port?transport=udp"
done

coturn_client() {
	LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -u "$user" -w "$password" \
		-y -n 50 -l 170 -z 10 -p "$port" "$@" 127.0.0.1 >"$work/uclient.log" 2>&1
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/uclient.log"
}
check "coturn's client, udp" coturn_client
check "coturn's client, tcp" coturn_client -t
check "coturn's client, tls" coturn_client -t -S -E "$work/ca.pem"
check "coturn's client, dtls" coturn_client -S -E "$work/ca.pem"

fingerprint() {
	openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint
}
reloads() {
	local before after

	before=$(fingerprint)
	make_certs
	ctl reload
	after=$(fingerprint)
	echo "$before, $after"
	[ -n "$after" ] && [ "$before" != "$after" ]
}
check "a reload renews the certificate of the shared port" reloads
check "tls afterwards" probe_by "turns:127.0.0.1:$port"
check "dtls afterwards" probe_by "turns:127.0.0.1:$port?transport=udp"
check "udp afterwards" probe_by "turn:127.0.0.1:$port"

stop_daemon
finish
