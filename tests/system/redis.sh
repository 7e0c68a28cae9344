#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# redis on a redis-server of the test's own that coturn's turnadmin has filled, on
# good days and on bad ones, over TLS and without.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backend.bash"

if [ ! -f "$build/plugins/redis.so" ] || ! command -v redis-server >/dev/null; then
	echo "redis is not built, or there is no server"
	finish
	exit 0
fi
make_certs "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"
secret=north-of-here
port=$(free_port)
tls_port=$(free_port)

# --- the server -----------------------------------------------------------------------------

# What the plugin may do is what it needs, and no more.
mkdir "$work/redis"
cat >"$work/redis.conf" <<-END
	bind 127.0.0.1
	port $port
	tls-port $tls_port
	tls-cert-file $work/cert.pem
	tls-key-file $work/key.pem
	tls-ca-cert-file $work/ca.pem
	tls-auth-clients no
	dir $work/redis
	save ""
	requirepass elephant
	user turnpike on >giraffe ~turn/* +get +smembers +select
END

start_server() {
	redis-server "$work/redis.conf" >>"$work/redis.log" 2>&1 &
	server_pid=$!
	pids+=("$server_pid")
	within 10 cli PING
}

# cli WORDS...: as the one who may do everything
cli() {
	REDISCLI_AUTH=elephant redis-cli -h 127.0.0.1 -p "$port" -n 2 "$@" >"$work/cli.log" 2>&1
}

# admin WORDS...: turnadmin on the same data base
admin() {
	turnadmin -N "ip=127.0.0.1 port=$port dbname=2 password=elephant" "$@" \
		>>"$work/admin.log" 2>&1
}

start_server
admin -a -u "$user" -r "$realm" -p "$password"
admin -a -u bob -r "$realm" -p builder
for name in 0 1 2 3 4 5 6 7 8 9; do
	admin -a -u "new$name" -r "$realm" -p "$password"
done
admin -s "$secret" -r "$realm"

# --- the daemon --------------------------------------------------------------------------------

echo giraffe >"$work/password"
chmod 600 "$work/password"

# configure NAME PORT LINES
configure() {
	config=$work/$1.conf
	write_config "$config" "plugins = redis" <<-END
	[log]
	level = info

	[auth]
	password_algorithms = md5

	[plugin.redis]
	host = $backend_address
	port = $2
	database = 2
	user = turnpike
	password_file = $work/password
	realms = $realm
	refresh = 200ms
	deadline = 1s
	cache_ttl = 1s
	breaker_open = 500ms
	${3-}
	END
	sed -i '/^\[plugin.auth_file\]/,/^users/d' "$config"
}

with_secret() {
	run_probe "turn:127.0.0.1:$(port_of udp 127.0.0.1)" --secret "$1" --count 5 --timeout 3
}

# as auth_sql's
refused_everywhere() {
	answered "401:20" 5000 --users "$1" --password "$2" --logins 20 --clients 20
}

changed() {
	admin -a -u bob -r "$realm" -p rebuilt
	within 4 refused_everywhere bob builder && logs_in bob rebuilt &&
		admin -a -u bob -r "$realm" -p builder && within 4 logs_in bob builder
}

refused_peer() {
	cli SADD "turn/realm/$realm/denied-peer-ip" 127.0.0.0-127.0.0.1
	sleep 1
	exits 1 relays "$password" && cli SADD "turn/realm/$realm/allowed-peer-ip" 127.0.0.1 &&
		within 3 relays "$password" && cli DEL "turn/realm/$realm/denied-peer-ip" \
		"turn/realm/$realm/allowed-peer-ip"
}

# With a quota of two, two of three allocations are made.
quota_counts() {
	local status=0

	cli SET "turn/realm/$realm/$1" 2
	sleep 2
	timeout 20 "$probe" load --mode idle --allocations 2 --seconds 1 -u "$user" -p "$password" \
		"turn:127.0.0.1:$(port_of udp 127.0.0.1)" || status=1
	timeout 20 "$probe" load --mode idle --allocations 3 --seconds 1 -u "$user" -p "$password" \
		"turn:127.0.0.1:$(port_of udp 127.0.0.1)" && status=1
	cli DEL "turn/realm/$realm/$1"
	ctl kill --user "$user"
	sleep 2
	return $status
}

start_unreliable "127.0.0.1:$port"
configure plain "$backend_port"
start_daemon "$config"
check "a user whom turnadmin has added relays" relays "$password"
check "with a wrong password it is 401" refused_with 401 "$user" wrong
check "an unknown user as well" refused_with 401 nobody "$password"
check "names that mean harm are unknown" hostile_names
check "and none of them is a failure" logs_in bob builder
check "a secret of the realm makes users" with_secret "$secret"
check "another one does not" exits 1 with_secret another
check "a changed password counts when the old one is forgotten" changed
check "a denied peer is refused until it is allowed" refused_peer
check "total-quota counts" quota_counts total-quota
check "user-quota counts" quota_counts user-quota
clients ""
latency ""
check "ten thousand unknown users" unknown_users
check "one user from a thousand clients" one_user_from_everywhere "$user"

check "a user is known" everywhere "$user"
start_relaying 20
sleep 1.5
check "the server is down" bad_day down
check "it never answers" bad_day hang
check "it answers after ten seconds" bad_day delay 10
check "it closes in the middle of an answer" bad_day cut
check "it answers with garbage" bad_day garbage
behave delay 0.1
check "a slow one is waited for" within 3 logs_in new9 "$password"
behave pass
check "what was relayed all the while was relayed whole" relayed_all

restarted() {
	stop "$server_pid"
	refused_with 500 new5 "$password" 2500 || return 1
	start_server && admin -a -u new5 -r "$realm" -p "$password" &&
		within 2 logs_in new5 "$password"
}
check "it is restarted" restarted
stop_daemon

# --- TLS and who may what -------------------------------------------------------------------------

admin -a -u "$user" -r "$realm" -p "$password"
start_unreliable "127.0.0.1:$tls_port"
configure tls "$backend_port" "tls = verify
ca_file = $work/ca.pem"
start_daemon "$config"
check "over TLS" relays "$password"
stop_daemon

configure untrusted "$backend_port" "tls = verify"
start_daemon "$config"
check "a server is not trusted that anybody could be" refused_with 500 "$user" "$password" 2500
check "which the log says" grep -q "no connection to redis: .*certificate" "$daemon_log"
stop_daemon

echo wrong >"$work/password"
start_unreliable "127.0.0.1:$port"
configure locked "$backend_port"
start_daemon "$config"
check "with the service's password changed it is 500" refused_with 500 "$user" "$password" 2500
check "which the log says as well" grep -q "no connection to redis: WRONGPASS" "$daemon_log"
stop_daemon
finish
