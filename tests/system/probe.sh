#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# turnpike-probe through the daemon on every transport and address family.

. "$(dirname "$0")/lib.sh"

make_certs
write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"
login=(-u "$user" -p "$password" --timeout 3)
tls=(--ca "$work/ca.pem")

for host in 127.0.0.1 '[::1]'; do
	udp=$host:$(port_of udp "$host")
	tcp=$host:$(port_of tcp "$host")
	secure=$host:$(port_of tls "$host")
	dtls=$host:$(port_of dtls "$host")

	check "Binding by udp, $host" run_probe "stun:$udp"
	check "Binding by tls, $host" run_probe "stuns:$secure" "${tls[@]}"
	check "udp, $host" run_probe "turn:$udp" "${login[@]}" --count 1000
	check "tcp, $host" run_probe "turn:$tcp?transport=tcp" "${login[@]}"
	check "tls, $host" run_probe "turns:$secure" "${login[@]}" "${tls[@]}"
	check "dtls, $host" run_probe "turns:$dtls?transport=udp" "${login[@]}" "${tls[@]}"
	check "SHA-256, $host" run_probe "turn:$udp" "${login[@]}" --sha256
	for family in ipv4 ipv6; do
		check "relayed $family, $host" run_probe "turn:$udp" "${login[@]}" \
			--family $family
	done
done

udp=127.0.0.1:$(port_of udp 127.0.0.1)
for size in 16 17 18 19 1200 1400; do
	check "payloads of $size bytes" run_probe "turn:$udp" "${login[@]}" --size $size
done
tcp=127.0.0.1:$(port_of tcp 127.0.0.1)
for size in 17 18 19 1400; do
	check "payloads of $size bytes by tcp" run_probe "turn:$tcp?transport=tcp" \
		"${login[@]}" --size $size
done

wrong_password() {
	exits 1 run_probe "turn:$udp" -u "$user" -p "$1" >"$work/out" &&
		grep -q "401: the server does not accept the user name or password" "$work/out"
}
check "a wrong password is refused" wrong_password looking-glass

unknown_user() {
	exits 1 run_probe "turn:$udp" -u nobody -p "$password" >"$work/out" &&
		grep -q "401: the server does not accept the user name or password" "$work/out"
}
check "an unknown user is refused" unknown_user
check "no credentials are refused" exits 1 run_probe "turn:$udp" --timeout 2

as_json() {
	run_probe "turn:$udp" "${login[@]}" --json >"$work/out.json" &&
		/usr/bin/python3 - "$work/out.json" <<-'END'
			import json, sys
			report = json.load(open(sys.argv[1]))
			steps = {step["name"]: step for step in report["steps"]}
			assert report["passed"]
			assert steps["ChannelData"]["returned"] == 100
			assert steps["Send and Data"]["returned"] == 100
			assert steps["Allocate A"]["address"].startswith("127.0.0.1:")
		END
}
check "the report as JSON" as_json
check "no server is wrong usage" exits 2 run_probe
check "an unknown option is wrong usage" exits 2 run_probe "turn:$udp" --sideways
check "another scheme is wrong usage" exits 2 run_probe "http://127.0.0.1/"

released() {
	[ "$(udp_sockets "$daemon_pid")" = "$sockets" ]
}
sockets=$(udp_sockets "$daemon_pid")
run_probe "turn:$udp" "${login[@]}" >/dev/null || true
check "no relayed socket is left" within 5 released

stop_daemon

# Time-limited credentials, made on the spot.
write_config "$work/turnpike.conf" "plugins = auth_secret" <<-END
[plugin.auth_secret]
secret = "$secret"
END
start_daemon "$work/turnpike.conf"
udp=127.0.0.1:$(port_of udp 127.0.0.1)
check "a shared secret" run_probe "turn:$udp" --secret "$secret" --timeout 3
check "a shared secret and a name" run_probe "turn:$udp" --secret "$secret" -u "$user" --timeout 3
check "another secret is refused" exits 1 run_probe "turn:$udp" --secret other --timeout 3
stop_daemon

finish
