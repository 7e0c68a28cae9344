#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tokens for names: with the commands that turnpike-auth_jwt(5) prints, with keys from a
# file and from a URL that changes them, is slow, lies or is not there.

. "$(dirname "$0")/lib.sh"

make_certs
cd "$work"

# --- the commands of the manual --------------------------------------------------------

# example TEXT: the block of the manual that has these words, as commands
example() {
	awk -v text="$1" '
		/^\.Bd/ { block = ""; on = 1; next }
		/^\.Ed/ { if (on && index(block, text)) { printf "%s", block }; on = 0; next }
		on { block = block $0 "\n" }' "$root/man/turnpike-auth_jwt.5" | sed 's/\\e/\\/g'
}
example "openssl genpkey" >make_keys
example "header=" >make_token
check "the manual makes keys" bash -eu make_keys
check "and a token of them" bash -eu make_token
. ./make_token

# --- keys from a file ------------------------------------------------------------------

# start_jwt NAME LINES...
start_jwt() {
	local config=$work/$1.conf

	shift
	write_config "$config" "plugins = auth_jwt event_log" <<-END
	[auth]
	unauthenticated_rate = 0

	[plugin.event_log]
	log_file = $config.events

	[plugin.auth_jwt]
	$(printf '%s\n' "$@")
	END
	start_daemon "$config"
	events=$config.events
	udp=$(port_of udp 127.0.0.1)
}

probe_as() {
	run_probe "turn:127.0.0.1:$udp" --timeout 3 --count 5 "$@"
}

derived() {
	printf %s "$1" | openssl dgst -sha256 -hmac "$(cat jwt.secret)" -binary | base64
}

# login CODE TOKEN [PASSWORD]: an Allocate with it is answered so
login() {
	timeout 30 "$root/tests/system/logins.py" "$udp" --users "$2" \
		--password "${3-$(derived "$2")}" >logins.json
	cat logins.json
	grep -q "\"codes\": {\"$1\": 1}" logins.json
}

chmod 600 jwt.secret jwks.json
start_jwt file "keys_file = $work/jwks.json" "password_secret_file = $work/jwt.secret" "leeway = 0"
check "a token and its password get in" probe_as -u "$token" -p "$password"
check "with a SHA-256 key as well" probe_as -u "$token" -p "$password" --sha256
browse() {
	mkdir -p "$work/profile" "$work/home"
	HOME=$work/home timeout -k 5 120 "$root/tests/system/browser.py" --protocol udp \
		--url "turn:127.0.0.1:$udp?transport=udp" --username "$token" \
		--credential "$password" --profile "$work/profile"
}
check "so does a browser" browse
check "a token without its password does not" login 401 "$token" jwt
check "nor a token of another key" login 401 "${token%.*}.$(printf %064d 0 | b64)"
check "logs name the user" within 5 grep -q '"on_turn_create_allocation".*"user":"alice"' "$events"
check "and not the token" sh -c "! grep '\"user\":\"ey' '$events'"

# sign CLAIMS [KID]: a token of them, in "token"
sign() {
	local header

	header=$(printf '{"alg":"EdDSA","kid":"%s"}' "${2-1}" | b64)
	printf %s "$header.$(printf %s "$1" | b64)" >signed
	token=$(cat signed).$(openssl pkeyutl -sign -rawin -inkey "${key-signing.pem}" -in signed | b64)
}
now() {
	date +%s
}
sign "{\"sub\":\"alice\",\"exp\":$(($(now) - 1))}"
check "a token whose time is over does not" login 401 "$token"
sign "{\"sub\":\"alice\",\"exp\":$(($(now) + 900)),\"nbf\":$(($(now) + 600))}"
check "nor one whose time has not come" login 401 "$token"
sign "{\"sub\":\"alice\",\"exp\":$(($(now) + 900)),\"pad\":\"$(printf %0200d 0)\"}"
check "a token of ${#token} bytes gets in" login 200 "$token"
sign "{\"sub\":\"alice\",\"exp\":$(($(now) + 900)),\"max_bits_per_s\":8000}"
check "a token with limits does, too" login 200 "$token"
check "and they hold" exits 1 probe_as -u "$token" -p "$(derived "$token")" --count 100

median() {
	timeout 30 "$root/tests/system/logins.py" "$udp" --users "$1" --password "$2" --logins 100 \
		--clients 1 | sed -n 's/.*"200": 100.*"median_ms": \([0-9.]*\).*/\1/p'
}
took=$(median "$token" "$(derived "$token")")
check "a hundred logins in turn" [ -n "$took" ]
echo "          an Allocate takes $took ms with EdDSA, each time (median of 100)"

# Strict expiry: what was allocated ends with the token.
sign "{\"sub\":\"bob\",\"exp\":$(($(now) + 4))}"
timeout 20 turnutils_uclient -u "$token" -w "$(derived "$token")" -p "$udp" -e 127.0.0.1 -r 9 -c \
	-n 2000 -m 1 -y 127.0.0.1 >uclient.log 2>&1 &
uclient_pid=$!
allocated() {
	grep -c '"on_turn_create_allocation".*"user":"bob"' "$events"
}
ended() {
	[ "$(grep -c '"on_turn_delete_allocation".*"user":"bob"' "$events")" = "$(allocated)" ]
}
check "bob is there" within 4 allocated
sleep 4
check "and is not when the token has ended" within 4 ended
kill "$uclient_pid" 2>/dev/null || true
wait "$uclient_pid" 2>/dev/null || true
stop_daemon

# --- fixed passwords -------------------------------------------------------------------

start_jwt fixed "keys_file = $work/jwks.json" "password = fixed"
sign "{\"sub\":\"alice\",\"exp\":$(($(now) + 900))}"
tls=$(port_of tls 127.0.0.1)
check "over TLS a fixed password will do" run_probe "turns:localhost:$tls?transport=tcp" --count 5 \
	--ca "$work/ca.pem" -u "$token" -p jwt
check "over UDP it will not" login 403 "$token" jwt
stop_daemon

# --- keys from a URL -------------------------------------------------------------------

cat >keys.py <<-'END'
import http.server, sys, time

class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mode = open("mode").read().strip()
        open("asked", "a").write(mode + "\n")
        if mode == "hang":
            time.sleep(3600)
        body = {"good": lambda: open("jwks.json", "rb").read(), "garbage": lambda: b"{",
                "huge": lambda: b" " * (8 << 20)}[mode]()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass

http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Keys).serve_forever()
END
keys_port=$(free_port)
listening() {
	(exec 3<>"/dev/tcp/127.0.0.1/$keys_port") 2>/dev/null
}
start_keys() {
	/usr/bin/python3 keys.py "$keys_port" 2>>keys.log &
	keys_pid=$!
	pids+=("$keys_pid")
	within 10 listening
}
start_url() {
	start_jwt "$1" "keys_url = http://127.0.0.1:$keys_port/" "keys_timeout = 1s" \
		"password_secret_file = $work/jwt.secret"
}

token_of() {
	sign "{\"sub\":\"alice\",\"exp\":$(($(now) + 900))}" "$1"
}

start_url url
token_of 1
check "without keys a login fails, and is not refused" login 500 "$token"
for mode in garbage huge hang; do
	echo "$mode" >mode
	[ "$mode" != garbage ] || start_keys
	sleep 1
	check "keys that are $mode: the same" login 500 "$token"
done
echo good >mode
check "when they are there, it gets in within two seconds" within 3 login 200 "$token"

# A new key.
openssl genpkey -algorithm ED25519 -out next.pem
x=$(openssl pkey -in next.pem -pubout -outform DER | tail -c 32 | b64)
old=$(sed 's/^{"keys":\[//; s/\]}$//' jwks.json)
echo '{"keys":['"$old"',{"kty":"OKP","crv":"Ed25519","kid":"2","x":"'"$x"'"}]}' >jwks.json
asked=$(wc -l <asked)
key=next.pem token_of 2
check "a key that is new gets in with its first token" login 200 "$token"
token_of 3
strangers() {
	timeout 30 "$root/tests/system/logins.py" "$udp" --users "$token" --logins 50 \
		--clients 50 | tee logins.json
	grep -q '"codes": {"401": 50}' logins.json
}
check "a key that nobody has lets nobody in" strangers
few_asked() {
	echo "$(($(wc -l <asked) - asked)) times"
	[ $(($(wc -l <asked) - asked)) -le 6 ]
}
check "and is not asked for again and again" few_asked
token_of 1
stop "$keys_pid"
check "while the keys cannot be had, the old ones are good" login 200 "$token"
key=next.pem token_of 9
check "who needs another fails, and is not refused" login 500 "$token"
check "the daemon is there" alive "$daemon_pid"
stop_daemon

finish
