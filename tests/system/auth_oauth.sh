#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tokens of RFC 7635: those that turnpike-auth_oauth(5) makes, with a client that does as
# the RFC says, and those of coturn's client, that it makes with three keys of its own.

. "$(dirname "$0")/lib.sh"

make_certs
cd "$work"

# --- the commands of the manual --------------------------------------------------------

# example TEXT: the block of the manual that has these words
example() {
	awk -v text="$1" '
		/^\.Bd/ { block = ""; on = 1; next }
		/^\.Ed/ { if (on && index(block, text)) { printf "%s", block }; on = 0; next }
		on { block = block $0 "\n" }' "$root/man/turnpike-auth_oauth.5" | sed 's/\\e/\\/g'
}
example "openssl rand" >make_keys
example "AESGCM" >make_token
check "the manual makes a key" bash -eu make_keys
check "which nobody else can read" test -z "$(find oauth.keys -perm /077)"

# grant FILE [SED-COMMAND]: a token by the manual's program, or by one that is changed so.
grant() {
	sed "${2-}" make_token >make_changed
	/usr/bin/python3 make_changed >"$1"
}
check "and a token of it" grant token

# grant_of_coturn FILE: a token of the same key by turnutils_oauth.
grant_of_coturn() {
	local kid algorithm key mac_key

	read -r kid algorithm key _ <oauth.keys
	mac_key=$(openssl rand -base64 20)
	turnutils_oauth -e -i turn.example.org -j "$kid" -k "$key" -n "$algorithm" \
		-l $(($(date +%s) - 10)) -m 100000 -o "$(openssl rand -base64 12)" -p "$mac_key" \
		-q $(($(date +%s) << 16)) -r 3600 >coturn.out || return 1
	sed -n 's/.*"access_token":"\([^"]*\)".*/{"kid": "'"$kid"'", "access_token": "\1", "key": "'"${mac_key//\//\\/}"'"}/p' \
		coturn.out >"$1"
	test -s "$1"
}
check "coturn's tool makes one, too" grant_of_coturn coturn

# --- the daemon ------------------------------------------------------------------------

# start_oauth NAME KEYS LINES...
start_oauth() {
	local config=$work/$1.conf keys=$2

	shift 2
	write_config "$config" "plugins = auth_oauth auth_file event_log" <<-END
	[auth]
	unauthenticated_rate = 0

	[plugin.event_log]
	log_file = $config.events

	[plugin.auth_oauth]
	keys_file = $keys
	server_name = turn.example.org
	reload_interval = 100ms
	$(printf '%s\n' "$@")
	END
	start_daemon "$config"
	events=$config.events
	udp=$(port_of udp 127.0.0.1)
}

count() {
	ctl counters | awk -v name="plugin.auth_oauth.$1" '$1 == name { print $2 }'
}

# client EXPECTED STEP...: what its requests came to, a line each with blanks for newlines.
client() {
	local expected=$1

	shift
	timeout 60 "$root/tests/system/oauth_client.py" "$udp" turn.example.org "$@" >client.out
	cat client.out
	paste -sd ' ' client.out | grep -Eqx "$expected"
}

start_oauth own "$work/oauth.keys" "leeway = 0"
check "the token gets in, and lasts as long as it says" \
	client "allocate 200 (3600|3599) end 200 0" allocate=token end:token
check "the log has the name of its key" \
	within 5 grep -q '"on_turn_create_allocation".*"user":"north"' "$events"
check "without it there is none" client "allocate 401 " allocate:token
check "while it lasts its key will do" \
	client "allocate 200 [0-9]+ refresh 200 [0-9]+ end 200 0" \
	allocate=token refresh:token end:token

check "coturn's gets in as well" client "allocate 200 (3600|3599) end 200 0" \
	allocate=coturn end:coturn

sed 's/"key": "[^"]*"/"key": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="/' token >stolen
check "a token without its key does not get in" client "allocate 401 " allocate=stolen
grant elsewhere 's/b"turn.example.org"/b"turn.example.net"/'
check "nor one for another server" client "allocate 401 " allocate=elsewhere
grant late 's/time.time()/time.time() - 3600/'
check "nor one whose time is over" client "allocate 401 " allocate=late
grant early 's/time.time()/time.time() + 60/'
check "nor one from the future" client "allocate 401 " allocate=early
grant short 's/^block = .*/block = b""/'
check "nor one with too little in it" client "allocate 401 " allocate=short
reasons() {
	echo "$(count forged) $(count expired) $(count early) $(count garbled)"
	[ "$(count forged) $(count expired) $(count early) $(count garbled)" = "1 1 1 1" ]
}
check "each is counted" reasons

# Key of the RFC for SHA-256, which SHA-1 takes as well.
grant long 's/urandom(20)/urandom(32)/'
check "a key of 32 bytes is used whole" client "allocate 200 [0-9]+" allocate=long

grant brief 's/^lifetime = .*/lifetime = 3/'
ended() {
	[ "$(grep -c '"on_turn_delete_allocation".*"expired"' "$events")" = "$1" ]
}
check "an allocation is not refreshed when its token has ended" \
	client "allocate 200 [23] refresh 401 " allocate=brief sleep=3.2 refresh:brief
check "and ends with it" within 5 ended 1

check "a password gets in beside" run_probe "turn:127.0.0.1:$udp" --count 5 -u "$user" -p "$password"

# The authorization server goes over to another key.
cp oauth.keys both.keys
echo "next A128GCM $(openssl rand -base64 16)" >>both.keys
grant brief 's/^lifetime = .*/lifetime = 5/'
grant next 's/read().split()/read().split()[3:]/; s/oauth.keys/both.keys/'
check "a key that is not there does not get in" client "allocate 401 " allocate=next
chmod 600 both.keys
mv both.keys oauth.keys
taken_up() {
	[ "$(count reloads)" = 1 ]
}
check "the file has changed" within 5 taken_up
check "a token of it gets in, and carries on what one of the old has allocated" \
	client "allocate 200 [0-9]+ refresh 200 3[56]..? refresh 200 3[56]..? end 200 0" \
	allocate=brief refresh=next refresh:next end:next
stop_daemon

# --- coturn's client -------------------------------------------------------------------

cc -D_GNU_SOURCE -shared -fPIC -o low_channels.so "$root/tests/system/low_channels.c"
cat >coturn.keys <<-END
north A256GCM $(printf %s 01234567890123456789012345678901 | base64 -w0)
union A128GCM $(printf %s 1234567890123456 | base64 -w0)
oldempire A256GCM $(printf %s 12345678901234567890123456789012 | base64 -w0)
END
chmod 600 coturn.keys
start_oauth coturn "$work/coturn.keys" "coturn_keys = yes"

# relays OPTIONS...
relays() {
	LD_PRELOAD=$work/low_channels.so timeout 90 turnutils_uclient -J -y -c -n 20 -l 170 -z 10 \
		-m 2 "$@" 127.0.0.1 >uclient.log 2>&1 || return 1
	tail -n 5 uclient.log
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" uclient.log &&
		grep -q "start_mclient: tot_send_msgs=40, tot_recv_msgs=40\$" uclient.log
}
check "coturn's client relays with tokens, udp" relays -p "$udp"
check "tcp" relays -t -p "$(port_of tcp 127.0.0.1)"
check "tls" relays -t -S -E ca.pem -p "$(port_of tls 127.0.0.1)"
none_refused() {
	echo "$(count accepted) $(count forged) $(count garbled)"
	[ "$(count accepted)" -ge 12 ] && [ "$(count forged) $(count garbled)" = "0 0" ]
}
check "no token was refused" none_refused
check "the daemon is there" alive "$daemon_pid"
stop_daemon

finish
