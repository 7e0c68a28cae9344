#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One port for a web server and us, both ways round: our listener passes on what
# is for nginx behind it, and nginx in front passes on what is for us.

. "$(dirname "$0")/lib.sh"

if [ ! -f /usr/lib/nginx/modules/ngx_stream_module.so ]; then
	echo "nginx or its stream module is not installed"
	finish
	exit 0
fi
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
proxy_addr=127.0.0.9
shared=$(free_port)
behind=$(free_port)
web=$(free_port)
door=$(free_port)

make_certs "DNS:www.example.org"
cp "$work/cert.pem" "$work/web.pem"
cp "$work/key.pem" "$work/web.key"
make_certs

# --- nginx: a web server, and a door that goes by the name asked for ---------------

mkdir "$work/www"
head -c 20000000 /dev/urandom >"$work/www/large"
cat >"$work/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 200; }
http {
	access_log off;
	client_body_temp_path $work/body;
	proxy_temp_path $work/proxy;
	fastcgi_temp_path $work/fastcgi;
	uwsgi_temp_path $work/uwsgi;
	scgi_temp_path $work/scgi;
	server {
		listen 127.0.0.1:$web ssl http2 proxy_protocol;
		ssl_certificate $work/web.pem;
		ssl_certificate_key $work/web.key;
		root $work/www;
		location = / {
			default_type text/html;
			return 200 "<p>a page for \$proxy_protocol_addr by \$server_protocol</p>";
		}
		error_page 497 @plain;
		location @plain { return 301 https://www.example.org/; }
	}
}
stream {
	map \$ssl_preread_server_name \$back_end {
		localhost 127.0.0.1:$behind;
		default 127.0.0.1:$web;
	}
	server {
		listen 127.0.0.1:$door;
		ssl_preread on;
		proxy_pass \$back_end;
		proxy_protocol on;
		proxy_bind $proxy_addr;
	}
}
END
open_port() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
start_nginx() {
	nginx -p "$work" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
	nginx_pid=$!
	pids+=("$nginx_pid")
	within 10 open_port "$door"
}
check "nginx is there" start_nginx

# --- the daemon -------------------------------------------------------------------

config=$work/turnpike.conf
write_config "$config" <<END
[listener.shared]
transport = tcp tls
address = 127.0.0.1:$shared
certificate = $work/cert.pem
key = $work/key.pem
pass_to = 127.0.0.1:$web
pass_proxy_header = yes
server_names = Turn.example.org

[listener.behind]
transport = tls
address = 127.0.0.1:$behind
certificate = $work/cert.pem
key = $work/key.pem
proxy_protocol = $proxy_addr
END
start_daemon "$config"

# --- we in front ------------------------------------------------------------------

page() {
	local wanted=$1

	shift
	timeout 20 curl -sS --interface 127.0.0.5 \
		--connect-to "::127.0.0.1:$shared" "$@" https://www.example.org/ >"$work/page" &&
		cat "$work/page" && grep -q "a page for 127.0.0.5 by $wanted" "$work/page"
}
check "a page by HTTP/1.1, and the web server knows the client" page HTTP/1.1 -k --http1.1
check "a page by HTTP/2" page HTTP/2 -k --http2
check "without ALPN, by name" page HTTP/1.1 -k --no-alpn

plain_is_redirected() {
	timeout 20 curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' \
		"http://127.0.0.1:$shared/" | tee "$work/page"
	grep -q '^301 https://www.example.org/' "$work/page"
}
check "HTTP without TLS" plain_is_redirected

large_file() {
	timeout 60 curl -sS -k --connect-to "::127.0.0.1:$shared" -o "$work/got" \
		https://www.example.org/large && cmp "$work/got" "$work/www/large"
}
check "a large file" large_file

browser_sees_page() {
	timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" \
		--ignore-certificate-errors --no-proxy-server \
		--host-resolver-rules="MAP www.example.org 127.0.0.1" \
		--dump-dom "https://www.example.org:$shared/" >"$work/page" 2>"$work/chromium.log"
	cat "$work/page"
	grep -q "a page for 127.0.0.1 by HTTP/2" "$work/page"
}
if command -v chromium >/dev/null; then
	check "a browser" browser_sees_page
fi

# subject_is NAME WORDS...: whose certificate a client gets
subject_is() {
	local name=$1

	shift
	timeout 20 openssl s_client -connect "127.0.0.1:$shared" "$@" </dev/null 2>/dev/null |
		openssl x509 -noout -ext subjectAltName | tee "$work/names"
	grep -q "DNS:$name" "$work/names"
}
check "stun.turn is ours" subject_is localhost -alpn stun.turn -servername www.example.org
check "stun.nat-discovery among others is ours" subject_is localhost \
	-alpn h2,stun.nat-discovery -servername www.example.org
check "h2 is the web's, even by our name" subject_is www.example.org -alpn h2 \
	-servername turn.example.org
check "our name without ALPN is ours" subject_is localhost -servername turn.example.org
check "another name without ALPN is the web's" subject_is www.example.org \
	-servername www.example.org
check "no name and no ALPN is ours" subject_is localhost -noservername

probe_by() {
	run_probe -4 --timeout 3 --count 20 -u "$user" -p "$password" --ca "$work/ca.pem" "$@"
}
check "tls on the same port" probe_by "turns:localhost:$shared"
check "tcp on the same port" probe_by "turn:127.0.0.1:$shared?transport=tcp"

coturn_client() {
	LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -u "$user" -w "$password" \
		-y -n 50 -l 170 -z 10 -p "$shared" "$@" 127.0.0.1 >"$work/uclient.log" 2>&1
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/uclient.log"
}
check "coturn's client, tls" coturn_client -t -S -E "$work/ca.pem"
check "coturn's client, tcp" coturn_client -t

# --- nginx in front ---------------------------------------------------------------

behind_door() {
	probe_by "turns:localhost:$door" >"$work/out" 2>&1 && cat "$work/out" &&
		grep -q "server-reflexive address 127.0.0.1:" "$work/out"
}
check "by name through nginx, and we know the client" behind_door
door_to_web() {
	timeout 20 curl -sS -k --interface 127.0.0.5 --connect-to "::127.0.0.1:$door" \
		https://www.example.org/ | grep "a page for 127.0.0.5 by HTTP/2"
}
check "another name goes to the web server" door_to_web

# --- a web server that is down ----------------------------------------------------

stop "$nginx_pid"
refused() {
	! timeout 20 curl -sS -k --connect-to "::127.0.0.1:$shared" https://www.example.org/
}
check "without the web server, a browser is disconnected" refused
logged() {
	grep "back end cannot be reached address=127.0.0.1:$web" "$daemon_log"
}
check "which is logged" logged
counted() {
	ctl counters | tee "$work/counters" | grep -E "passed_on|back_end"
	grep -Eq "io.back_end_failures +1 " "$work/counters"
}
check "and counted" counted
check "tls clients do not notice" probe_by "turns:localhost:$shared"
check "nginx comes back" start_nginx
check "so does the page" page HTTP/2 -k --http2

stop_daemon
finish
