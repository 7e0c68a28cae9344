#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# turnpike-probe against Debian's coturn, which speaks RFC 5389: the client is
# right, before it judges the daemon.

. "$(dirname "$0")/lib.sh"

make_certs
start_coturn "$(free_port)" "$(free_port)" --lt-cred-mech --user "$user:$password"
plain=127.0.0.1:$coturn_port
secure=127.0.0.1:$coturn_tls_port
login=(-u "$user" -p "$password" --timeout 3)

check "udp" run_probe "turn:$plain" "${login[@]}"
check "tcp" run_probe "turn:$plain?transport=tcp" "${login[@]}"
check "tls" run_probe "turns:$secure" "${login[@]}" --ca "$work/ca.pem"
check "dtls" run_probe "turns:$secure?transport=udp" "${login[@]}" --ca "$work/ca.pem"
check "a name" run_probe "turns:localhost:$coturn_tls_port" "${login[@]}" --ca "$work/ca.pem" -4
check "stun" run_probe "stun:$plain"

wrong_password() {
	exits 1 run_probe "turn:$plain" -u "$user" -p wrong --timeout 2 >"$work/out" &&
		grep -q "does not accept the user name or password" "$work/out"
}
check "a wrong password is named" wrong_password

unverified() {
	local words=$1

	shift
	exits 1 run_probe "$@" "${login[@]}" >"$work/out" && cat "$work/out" &&
		grep -q "$words" "$work/out"
}
check "a certificate of an unknown issuer is named" unverified "issuer is not known" "turns:$secure"
make_certs DNS:other.example.org
stop "$coturn_pid"
start_coturn "$coturn_port" "$coturn_tls_port" --lt-cred-mech --user "$user:$password"
check "a certificate for another name is named" unverified "for another name" "turns:$secure" \
	--ca "$work/ca.pem"

stop "$coturn_pid"
check "nobody answers" exits 1 run_probe "turn:$plain" "${login[@]}" --timeout 1

finish
