#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Users from a web service: the one that turnpike-auth_rest(5) prints, as it stands
# there, and one that fails in every way.

. "$(dirname "$0")/lib.sh"

# Its address is not that of peers: it is never relayed to.
service_address=127.0.0.2
make_certs "DNS:localhost,IP:127.0.0.1,IP:::1,IP:$service_address"
service_port=$(free_port)
mode=$work/mode
questions=$work/questions
token=$work/token
echo 0123456789abcdef >"$token"
chmod 600 "$token"

listening() {
	(exec 3<>"/dev/tcp/$service_address/$service_port") 2>/dev/null
}

# start_service COMMAND...: address and port are added.
start_service() {
	local program=$1

	shift
	/usr/bin/python3 "$program" "$service_address" "$service_port" "$@" 2>>"$work/service.log" &
	service_pid=$!
	pids+=("$service_pid")
	within 10 listening
}

start_bad() {
	start_service "$root/tests/system/bad_service.py" "$mode" "$questions" "$@"
}

# start_rest NAME LINES...: a daemon that asks, with these lines in the section. Each
# worker remembers for itself.
workers=2
start_rest() {
	local config=$work/$1.conf url="http://$service_address:$service_port/turn"

	shift
	write_config "$config" "plugins = auth_rest
	workers = $workers" <<-END
	[auth]
	unauthenticated_rate = 0

	[plugin.auth_rest]
	$(printf '%s\n' "$@" | grep -q ^url || echo "url = $url")
	$(printf '%s\n' "$@")
	END
	start_daemon "$config"
	udp=$(port_of udp 127.0.0.1)
}

probe_as() {
	run_probe "turn:127.0.0.1:$udp" --timeout 3 --count 5 "$@"
}

# logins CONDITION ARGS...: log in many times; "c" are the codes, "r" the whole report
logins() {
	local condition=$1

	shift
	timeout 120 "$root/tests/system/logins.py" "$udp" "$@" >"$work/logins.json"
	cat "$work/logins.json"
	/usr/bin/python3 - "$work/logins.json" "$condition" <<-'END'
		import json, sys
		r = json.load(open(sys.argv[1]))
		c = r["codes"]
		assert eval(sys.argv[2])
	END
}

median() {
	sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p' "$work/logins.json"
}

counter() {
	ctl counters | awk -v name="plugin.auth_rest.$1" '$1 == name { print $2 }'
}

# --- the service of the manual --------------------------------------------------------

awk '
	/^\.Bd/ { on = 1; next }
	/^\.Ed/ { on = 0; found = 0; next }
	on && /^#!\/usr\/bin\/python3/ { found = 1 }
	found' "$root/man/turnpike-auth_rest.5" | sed 's/\\e/\\/g; s/\\&//g' >"$work/users.py"
check "the manual has a service" grep -q serve_forever "$work/users.py"
start_service "$work/users.py" "$token"
start_rest manual "token_file = $token"

check "a user of the service gets in" probe_as -u alice -p wonderland
check "with a SHA-256 key as well" probe_as -u alice -p wonderland --sha256
check "one with limits, too" probe_as -u bob -p builder
check "a wrong password does not" exits 1 probe_as -u alice -p wrong
check "nor somebody else" logins 'c == {"401": 1}' --users eve
check "who is refused gets 403" logins 'c == {"403": 1}' --users mallory
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
uclient() {
	LD_PRELOAD=$work/low_channels.so timeout 20 turnutils_uclient -u alice -w wonderland \
		-p "$udp" -e 127.0.0.1 -r 9 -c -n 1 -y 127.0.0.1 | tee "$work/uclient.log" && ! grep -q ERROR "$work/uclient.log"
}
check "coturn's client gets in" uclient
browse() {
	mkdir -p "$work/profile" "$work/home"
	HOME=$work/home timeout -k 5 120 "$root/tests/system/browser.py" --protocol udp \
		--url "turn:127.0.0.1:$udp?transport=udp" --username alice --credential wonderland \
		--profile "$work/profile"
}
check "so does a browser" browse
check "others may be relayed to" logins 'c == {"200": 1}' --peer 127.0.0.3
check "the service may not" logins 'c == {"403": 1}' --peer "$service_address"
check "names of all kinds are unknown" logins 'c == {"401": 6}' --users '"\*()%%%%\'"'"'%d' \
	--logins 6
stop_daemon
stop "$service_pid"

# --- what it costs --------------------------------------------------------------------

echo good >"$mode"
start_bad
workers=1
start_rest good
check "many log in" logins 'c == {"200": 100}' --users alice%d --logins 100 --clients 1
cold=$(median)
check "and again" logins 'c == {"200": 100}' --users alice%d --logins 100 --clients 1
cached=$(median)
echo "          an Allocate takes $cold ms cold, $cached ms cached (median of 100)"

stop_daemon
workers=2
start_rest burst
asked=$(wc -l <"$questions")
check "a thousand clients of one user" logins 'c == {"200": 1000}' --users alicex --logins 1000 \
	--clients 1000
few_questions() {
	echo "$(($(wc -l <"$questions") - asked)) questions"
	[ $(($(wc -l <"$questions") - asked)) -le 2 ]
}
check "make a question a worker" few_questions

rss() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$daemon_pid/status"
}
before=$(rss)
check "ten thousand unknown users" logins 'c == {"401": 10000}' --users stranger%d \
	--logins 10000 --clients 200
# With a sanitizer what is freed stays for a while.
bounded() {
	echo "from $before KiB to $(rss) KiB"
	grep -q "__asan_init\|__tsan_init" "$turnpike" || [ $(($(rss) - before)) -lt 65536 ]
}
check "take no more memory than they may" bounded
echo nostore >"$mode"
check "no-store" logins 'c == {"200": 3}' --users alicey --logins 3 --clients 1
check "is honoured" [ "$(grep -c '"alicey"' "$questions")" -ge 3 ]
stop_daemon

# --- GET -------------------------------------------------------------------------------

echo good >"$mode"
start_rest get "url = http://$service_address:$service_port/u?user={user}&realm={realm}&t={transport}"
check "a user is asked for by GET" logins 'c == {"200": 1}' --users 'alice&realm=x/../é'
check "with all escaped" grep -qF \
	"/u?user=alice%26realm%3Dx%2F..%2F%C3%A9&realm=turn.example.org&t=udp" "$questions"
stop_daemon

# --- bad days --------------------------------------------------------------------------

start_rest bad "deadline = 1s" "breaker_open = 300ms" "negative_ttl = 0"
check "alice is known" logins 'c == {"200": 4}' --logins 4 --clients 4
run_probe load -u alice -p wonderland --allocations 4 --seconds 40 --rate 50 --json \
	"turn:127.0.0.1:$udp" </dev/null >"$work/load.json" 2>&1 &
load_pid=$!
sleep 1

stranger=0
# bad_day NAME: new users get 500 in time, known ones get in
bad_day() {
	stranger=$((stranger + 1))
	check "$1: a new user gets 500 in time" logins 'c == {"500": 8} and r["max_ms"] < 1500' \
		--users "alice$stranger.%d" --logins 8 --clients 8
	check "$1: a known one gets in" logins 'c == {"200": 2} and r["max_ms"] < 1500' --logins 2 \
		--clients 2
}

recovered() {
	stranger=$((stranger + 1))
	logins 'c == {"200": 8}' --users "alice$stranger.new%d" --logins 8 --clients 8
}

# recovery NAME: all is well with all workers
recovery() {
	check "$1: it is over within two seconds" within 2 recovered
}

for day in hang "slow 10" drop noise garbage huge "status 500" "status 302" "status 401"; do
	echo "$day" >"$mode"
	bad_day "$day"
	echo good >"$mode"
	recovery "$day"
done
for seconds in 0.1 0.5; do
	echo "slow $seconds" >"$mode"
	check "slow $seconds: a new user waits" logins \
		"c == {'200': 1} and $seconds * 1000 <= r['max_ms'] < 1500" --users "aliceslow$seconds"
done
echo good >"$mode"
stop "$service_pid"
bad_day "down"
start_bad
recovery "down"
no_packet_lost() {
	wait "$load_pid" || true
	tail -n 1 "$work/load.json"
	/usr/bin/python3 - "$work/load.json" <<-'END'
		import json, sys
		r = json.loads(open(sys.argv[1]).readlines()[-1])
		assert r["sent"] > 1000 and r["received"] == r["sent"] and r["failed"] == 0
	END
}
check "allocations noticed nothing of all that" no_packet_lost
stop_daemon
stop "$service_pid"

# --- a slow name server ----------------------------------------------------------------

cc -shared -fPIC -o "$work/slow_names.so" "$root/tests/system/slow_names.c"
printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$work/slow_names.so" "$turnpike" >"$work/slow"
chmod 755 "$work/slow"
workers=1
daemon_binary=$work/slow start_rest names "url = http://users.example.org/" "deadline = 500ms" \
	"breaker_failures = 1000"
run_probe load --mode binding --allocations 4 --seconds 4 --rate 100 --json "turn:127.0.0.1:$udp" \
	-u "$user" -p "$password" </dev/null >"$work/names.json" 2>&1 &
load_pid=$!
check "while a name is looked up users get 500 in time" \
	logins 'c == {"500": 6} and r["max_ms"] < 1000' --users alice%d --logins 6 --clients 1
nobody_waited() {
	wait "$load_pid" || true
	tail -n 1 "$work/names.json"
	/usr/bin/python3 - "$work/names.json" <<-'END'
		import json, sys
		r = json.loads(open(sys.argv[1]).readlines()[-1])
		assert r["received"] == r["sent"] > 100 and r["max_us"] < 300000
	END
}
check "and nobody else waits" nobody_waited
stop_daemon
workers=2

# --- TLS -------------------------------------------------------------------------------

# A certificate for clients.
{
	printf 'extendedKeyUsage=clientAuth\n' >"$work/client.ext"
	openssl x509 -req -in "$work/leaf.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
		-CAcreateserial -days 2 -extfile "$work/client.ext" -out "$work/client.pem"
} 2>"$work/openssl.log"
url="url = https://$service_address:$service_port/turn"
start_bad --cert "$work/cert.pem" --key "$work/key.pem" --ca "$work/ca.pem"
start_rest tls "$url" "ca_file = $work/ca.pem" "certificate_file = $work/client.pem" \
	"key_file = $work/key.pem"
check "over TLS, with a certificate of our own" logins 'c == {"200": 1}'
stop_daemon
start_rest stranger "$url" "ca_file = $work/ca.pem"
check "without one it is refused" logins 'c == {"500": 1}'
stop_daemon
start_rest system "$url" "certificate_file = $work/client.pem" "key_file = $work/key.pem"
check "who it does not know is not trusted" logins 'c == {"500": 1}'
check "which the log says" within 5 grep -qi certificate "$daemon_log"
stop_daemon
stop "$service_pid"

# expired DAYS: a certificate that ended yesterday
expired() {
	openssl x509 -req -in "$work/leaf.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
		-CAcreateserial -days -1 -extfile "$work/leaf.ext" -out "$work/old.pem" 2>&1
}
check "a certificate that has expired" expired
start_bad --cert "$work/old.pem" --key "$work/key.pem"
start_rest old "$url" "ca_file = $work/ca.pem"
check "is not trusted" logins 'c == {"500": 1}'
stop_daemon
stop "$service_pid"

# --- HTTP/2 ----------------------------------------------------------------------------

# A folder of files over HTTP/2 is a service, too.
http2() {
	mkdir "$work/folder"
	echo '{"password":"wonderland"}' | tee "$work/folder/alice" >"$work/folder/alice0"
	for ((i = 1; i < 200; i++)); do
		ln "$work/folder/alice0" "$work/folder/alice$i"
	done
	nghttpd -v -a "$service_address" -d "$work/folder" "$service_port" "$work/key.pem" \
		"$work/cert.pem" >"$work/http2.log" 2>&1 &
	service_pid=$!
	pids+=("$service_pid")
	within 10 listening
	start_rest http2 "url = https://$service_address:$service_port/{user}" \
		"ca_file = $work/ca.pem"
	check "over HTTP/2 users get in" logins 'c == {"200": 200}' --users alice%d --logins 200 \
		--clients 100
	check "and others do not" logins 'c == {"401": 1}' --users eve
	check "on a connection a worker" one_connection
	stop_daemon
}

# Each connection's lines have a number; "listening" made the first.
one_connection() {
	grep -c 'recv (stream_id=[0-9]*) :path: /alice' "$work/http2.log"
	grep ':path: /alice' "$work/http2.log" | sed 's/^\[id=\([0-9]*\)\].*/\1/' | sort | uniq -c
	[ "$(grep ':path: /alice' "$work/http2.log" | sed 's/^\[id=\([0-9]*\)\].*/\1/' | sort -u |
		wc -l)" -le 2 ]
}
if command -v nghttpd >/dev/null; then
	http2
else
	echo "  skipped over HTTP/2: there is no nghttpd"
fi

finish
