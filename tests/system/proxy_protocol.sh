#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# HAProxy in front, with both versions of its header, of TCP and of TLS that it
# only passes on, and a small proxy of UDP and DTLS: the client they name is the
# client for all, plugins included.

. "$(dirname "$0")/lib.sh"

if ! command -v haproxy >/dev/null; then
	echo "HAProxy is not installed"
	finish
	exit 0
fi
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
make_certs
proxy_addr=127.0.0.9
config=$work/turnpike.conf
write_config "$config" "plugins = ip_filter auth_file" <<-END
[plugin.ip_filter]
client_deny = $proxy_addr 127.0.0.3
END
sed -i "s/^transport.*/&\nproxy_protocol = $proxy_addr/" "$config"
start_daemon "$config"
tcp=$(port_of tcp 127.0.0.1)
tls=$(port_of tls 127.0.0.1)

front_tcp_v1=$(free_port)
front_tcp_v2=$(free_port)
front_tls_v1=$(free_port)
front_tls_v2=$(free_port)
front_bare=$(free_port)
front_tls_bare=$(free_port)

# front NAME PORT TO WORDS...: as HAProxy's configuration
front() {
	local name=$1 port=$2 to=$3

	shift 3
	printf 'listen %s\n\tbind 127.0.0.1:%s\n\tserver relay 127.0.0.1:%s source %s %s\n' \
		"$name" "$port" "$to" "$proxy_addr" "$*"
}

{
	printf 'global\n\tmaxconn 100\ndefaults\n\tmode tcp\n'
	printf '\ttimeout connect 5s\n\ttimeout client 60s\n\ttimeout server 60s\n'
	front tcp_v1 "$front_tcp_v1" "$tcp" send-proxy
	front tcp_v2 "$front_tcp_v2" "$tcp" send-proxy-v2
	front tls_v1 "$front_tls_v1" "$tls" send-proxy
	front tls_v2 "$front_tls_v2" "$tls" send-proxy-v2 \
		proxy-v2-options unique-id,crc32c
	front bare "$front_bare" "$tcp"
	front tls_bare "$front_tls_bare" "$tls"
} >"$work/haproxy.cfg"
haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
pids+=($!)

open_port() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
check "HAProxy is there" within 10 open_port "$front_tls_bare"

# relayed MAPPED-PATTERN PROBE-WORDS...
relayed() {
	local mapped=$1

	shift
	run_probe -4 --timeout 3 --count 20 -u "$user" -p "$password" --ca "$work/ca.pem" "$@" \
		>"$work/out" 2>&1 && cat "$work/out" &&
		grep -q "server-reflexive address $mapped:" "$work/out"
}

refused() {
	! relayed "$@"
}

check "tcp, version 1" relayed 127.0.0.1 "turn:127.0.0.1:$front_tcp_v1?transport=tcp"
check "tcp, version 2" relayed 127.0.0.1 "turn:127.0.0.1:$front_tcp_v2?transport=tcp"
check "tls, version 1" relayed 127.0.0.1 "turns:localhost:$front_tls_v1"
check "tls, version 2 with additions" relayed 127.0.0.1 "turns:localhost:$front_tls_v2"
check "a trusted proxy without a header is refused" refused 127.0.0.1 \
	"turn:127.0.0.1:$front_bare?transport=tcp"
check "the same with tls" refused 127.0.0.1 "turns:localhost:$front_tls_bare"
check "who is no proxy needs no header" relayed 127.0.0.1 "turn:127.0.0.1:$tcp?transport=tcp"
check "nor with tls" relayed 127.0.0.1 "turns:localhost:$tls"

coturn_client() {
	coturn_client_udp -t "$@"
}
coturn_client_udp() {
	LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -u "$user" -w "$password" \
		-y -n 50 -l 170 -z 10 "$@" 127.0.0.1 >"$work/uclient.log" 2>&1
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/uclient.log"
}
check "coturn's client, tcp" coturn_client -p "$front_tcp_v2"
check "coturn's client, tls" coturn_client -p "$front_tls_v2" -S -E "$work/ca.pem"

# What a client may send of its own: a header by its hand names nobody.
binding() {
	/usr/bin/python3 - "$@" <<-'END'
	import socket
	import sys

	kind, source, port, header = sys.argv[1:]
	request = bytes.fromhex("000100002112a442") + bytes(range(12))
	kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
	with socket.socket(socket.AF_INET, kinds[kind]) as s:
	    s.settimeout(5 if kind == "tcp" else 1)
	    s.bind((source, 0))
	    s.connect(("127.0.0.1", int(port)))
	    s.sendall(header.encode().decode("unicode_escape").encode("latin-1") + request)
	    try:
	        answer = s.recv(2000)
	    except TimeoutError:
	        answer = b""
	at = answer.find(bytes.fromhex("002000080001"))
	if at == -1:
	    sys.exit("no answer")
	print("mapped", ".".join(str(a ^ b) for a, b in
	      zip(answer[at + 8:at + 12], bytes.fromhex("2112a442"))))
	END
}

header='PROXY TCP4 192.0.2.77 198.51.100.2 4000 3478\r\n'
maps() {
	binding tcp "$2" "$tcp" "$3" >"$work/out" 2>&1
	cat "$work/out"
	grep -qx "$1" "$work/out"
}
maps_udp() {
	binding udp "$2" "$udp" "$3" >"$work/out" 2>&1
	cat "$work/out"
	grep -qx "$1" "$work/out"
}
check "the header's address is the mapped one" maps "mapped 192.0.2.77" $proxy_addr "$header"
check "a client's own header is refused" maps "no answer" 127.0.0.1 "$header"

# --- UDP and DTLS -----------------------------------------------------------------

# udp_front NAME PORT: sets front_NAME
udp_front() {
	/usr/bin/python3 "$root/tests/system/udp_proxy.py" "$proxy_addr" "$2" >"$work/$1.port" \
		2>"$work/$1.log" &
	pids+=($!)
	within 10 test -s "$work/$1.port"
	eval "front_$1=$(cat "$work/$1.port")"
}
udp=$(port_of udp 127.0.0.1)
dtls=$(port_of dtls 127.0.0.1)
udp_front udp "$udp"
udp_front dtls "$dtls"

check "udp" relayed 127.0.0.1 "turn:127.0.0.1:$front_udp"
check "dtls" relayed 127.0.0.1 "turns:localhost:$front_dtls?transport=udp"
check "udp without a proxy" relayed 127.0.0.1 "turn:127.0.0.1:$udp"
check "dtls without a proxy" relayed 127.0.0.1 "turns:localhost:$dtls?transport=udp"
check "coturn's client, udp" coturn_client_udp -p "$front_udp"
check "coturn's client, dtls" coturn_client_udp -p "$front_dtls" -S -E "$work/ca.pem"

v2='\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x4d\x7f\0\0\x01\x0f\xa0\x0d\x96'
check "the header's address is the mapped one, udp" maps_udp "mapped 192.0.2.77" $proxy_addr "$v2"
check "a client's own header is refused, udp" maps_udp "no answer" 127.0.0.1 "$v2"
check "a trusted proxy without a header is not heard, udp" maps_udp "no answer" $proxy_addr ""
missing() {
	ctl counters | tee "$work/counters" | grep proxy_headers
	grep -Eq 'io.proxy_headers_missing +[1-9]' "$work/counters"
}
check "and counted" missing
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
