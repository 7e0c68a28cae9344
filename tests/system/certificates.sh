#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several certificates of one listener, chosen by the name that a client asks for,
# and renewed by a reload.

. "$(dirname "$0")/lib.sh"

# certify NAME: NAME.pem and NAME.key, for NAME alone
certify() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=$1" -addext "subjectAltName=DNS:$1" -keyout "$work/$1.key" \
		-out "$work/$1.pem" >"$work/openssl.log" 2>&1
}

make_certs
certify one.example.org
certify two.example.org
config=$work/turnpike.conf
write_config "$config" </dev/null
sed -i -e "s|^certificate = .*|& $work/one.example.org.pem, $work/two.example.org.pem|" \
	-e "s|^key = .*|& $work/one.example.org.key, $work/two.example.org.key|" "$config"
start_daemon "$config"

# shown WANTED OPTIONS...: is this certificate shown?
shown() {
	local wanted=$1

	shift
	timeout 10 openssl s_client "$@" </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint >"$work/shown" &&
		openssl x509 -noout -fingerprint -in "$work/$wanted" | cmp - "$work/shown"
}

for transport in tls dtls; do
	to=(-connect "127.0.0.1:$(port_of $transport 127.0.0.1)")
	[ $transport = tls ] || to+=(-dtls1_2)
	check "$transport, the first name" shown one.example.org.pem "${to[@]}" \
		-servername one.example.org
	check "$transport, the second name" shown two.example.org.pem "${to[@]}" \
		-servername two.example.org
	check "$transport, an unknown name" shown cert.pem "${to[@]}" -servername three.example.org
	check "$transport, no name" shown cert.pem "${to[@]}" -noservername
done

to=(-connect "127.0.0.1:$(port_of tls 127.0.0.1)")
certify two.example.org
check "a reload" ctl reload
check "the second name has the new one" shown two.example.org.pem "${to[@]}" \
	-servername two.example.org
check "the first name has its own" shown one.example.org.pem "${to[@]}" \
	-servername one.example.org
cp "$work/one.example.org.key" "$work/two.example.org.key"
check "a key of another is refused" exits 1 ctl reload
check "and all is as before" shown two.example.org.pem "${to[@]}" -servername two.example.org

stop_daemon
finish
