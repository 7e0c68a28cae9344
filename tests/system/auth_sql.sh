#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# auth_sql on data bases that coturn's turnadmin has filled: SQLite, PostgreSQL and
# MariaDB, each a real server of the test's own, on good days and on bad ones.
#
#	DRIVERS  which of them

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backend.bash"

if [ ! -f "$build/plugins/auth_sql.so" ]; then
	echo "auth_sql is not built"
	finish
	exit 0
fi
make_certs "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"
secret=north-of-here

# admin WORDS...: turnadmin on the data base of the driver
admin() {
	turnadmin "${admin_db[@]}" "$@" >>"$work/admin.log" 2>&1
}

fill() {
	local name

	admin -a -u "$user" -r "$realm" -p "$password"
	admin -a -u bob -r "$realm" -p builder
	for name in 0 1 2 3 4 5 6 7 8 9; do
		admin -a -u "new$name" -r "$realm" -p "$password"
	done
	admin -s "$secret" -r "$realm"
}

# configure LINES: of the section, beside the usual
configure() {
	config=$work/$driver.conf
	write_config "$config" "plugins = auth_sql" <<-END
	[log]
	level = info

	[auth]
	password_algorithms = md5

	[plugin.auth_sql]
	refresh = 200ms
	deadline = 1s
	cache_ttl = 1s
	breaker_open = 500ms
	realm = $realm
	$1
	END
	sed -i '/^\[plugin.auth_file\]/,/^users/d' "$config"
}

# --- what is the same for all -----------------------------------------------------------

with_secret() {
	run_probe "turn:127.0.0.1:$(port_of udp 127.0.0.1)" --secret "$1" --count 5 --timeout 3
}

refused_peer() {
	sql "INSERT INTO denied_peer_ip (realm, ip_range)
		VALUES ('$realm', '127.0.0.0-127.0.0.1')" || return 1
	sleep 1
	exits 1 relays "$password" && sql "DELETE FROM denied_peer_ip" &&
		within 3 relays "$password"
}

# With a quota of two, two of three allocations are made.
quota_counts() {
	local status=0

	sql "INSERT INTO turn_realm_option (realm, opt, value) VALUES ('$realm', '$1', '2')"
	sleep 2
	timeout 20 "$probe" load --mode idle --allocations 2 --seconds 1 -u "$user" -p "$password" \
		"turn:127.0.0.1:$(port_of udp 127.0.0.1)" || status=1
	timeout 20 "$probe" load --mode idle --allocations 3 --seconds 1 -u "$user" -p "$password" \
		"turn:127.0.0.1:$(port_of udp 127.0.0.1)" && status=1
	sql "DELETE FROM turn_realm_option"
	ctl kill --user "$user"
	sleep 2
	return $status
}

refused_everywhere() {
	answered "401:20" 5000 --users "$1" --password "$2" --logins 20 --clients 20
}

changed() {
	admin -a -u bob -r "$realm" -p rebuilt
	within 4 refused_everywhere bob builder && logs_in bob rebuilt &&
		admin -a -u bob -r "$realm" -p builder && within 4 logs_in bob builder
}

good_days() {
	check "$driver: a user whom turnadmin has added relays" relays "$password"
	check "$driver: with a wrong password it is 401" refused_with 401 "$user" wrong
	check "$driver: an unknown user as well" refused_with 401 nobody "$password"
	check "$driver: names that mean harm are unknown" hostile_names
	check "$driver: and none of them is a failure" logs_in bob builder
	check "$driver: a secret of turn_secret makes users" with_secret "$secret"
	check "$driver: another one does not" exits 1 with_secret another
	check "$driver: a changed password counts when the old one is forgotten" changed
	check "$driver: a denied peer is refused until it is denied no more" refused_peer
	check "$driver: total-quota counts" quota_counts total-quota
	check "$driver: user-quota counts" quota_counts user-quota
	clients "$driver: "
	latency "$driver: "
	check "$driver: ten thousand unknown users" unknown_users
	check "$driver: one user from a thousand clients" one_user_from_everywhere "$user"
}

bad_days() {
	check "$driver: a user is known" everywhere "$user"
	start_relaying 20
	sleep 1.5
	check "$driver: the server is down" bad_day down
	check "$driver: it never answers" bad_day hang
	check "$driver: it answers after ten seconds" bad_day delay 10
	check "$driver: it closes in the middle of an answer" bad_day cut
	check "$driver: it answers with garbage" bad_day garbage
	behave delay 0.1
	check "$driver: a slow one is waited for" within 3 logs_in new9 "$password"
	behave pass
	check "$driver: what was relayed all the while was relayed whole" relayed_all
}

# --- SQLite --------------------------------------------------------------------------------

user_commands() {
	printf 'first\n' | ctl user add carol && logs_in carol first &&
		printf 'second\n' | ctl user passwd carol && logs_in carol second &&
		ctl user list | grep -qx "carol $realm" && ctl user delete carol &&
		refused_with 401 carol second && exits 1 ctl user delete carol
}

fresh_file() {
	printf '%s\n' "$password" | ctl user add "$user" "$realm" && relays "$password" &&
		turnadmin -b "$work/freshdb" -l -r "$realm" 2>/dev/null | grep "^$user"
}

sqlite() {
	admin_db=(-b "$work/turndb")
	sql() {
		sqlite3 "$work/turndb" "$1"
	}
	fill
	configure "database = $work/turndb"
	start_daemon "$config"
	good_days
	check "sqlite: turnpikectl user add, passwd, list, delete" user_commands
	check "sqlite: who is known" everywhere "$user"
	(
		echo "BEGIN EXCLUSIVE;"
		sleep 3
	) | sqlite3 "$work/turndb" &
	sleep 0.5
	check "sqlite: while another program holds the file it is 500" refused_with 500 new1 \
		"$password" 2500
	check "sqlite: but not for who is known" everywhere "$user"
	wait $!
	check "sqlite: and then all is well" within 2 logs_in new0 "$password"
	stop_daemon

	driver=fresh
	configure "database = $work/freshdb"
	start_daemon "$config"
	check "sqlite: a new file is made, which turnadmin reads" fresh_file
	stop_daemon
}

# --- PostgreSQL ------------------------------------------------------------------------------

postgresql() {
	local bin port

	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
	if [ ! -x "$bin/postgres" ]; then
		echo "  there is no PostgreSQL here"
		return
	fi
	port=$(free_port)
	mkdir -m 755 "$work/pg"
	echo elephant >"$work/pg/password"
	cp "$work/cert.pem" "$work/key.pem" "$work/pg"
	[ "$(id -u)" != 0 ] || chown -R nobody:nogroup "$work/pg"
	"${nobody[@]}" "$bin/initdb" -D "$work/pg/data" -U turnpike -A scram-sha-256 \
		--pwfile="$work/pg/password" --no-sync --locale=C.UTF-8 >"$work/initdb.log" 2>&1
	"${nobody[@]}" "$bin/postgres" -D "$work/pg/data" -h 127.0.0.1 -p "$port" -k "$work/pg" -c ssl=on \
		-c ssl_cert_file="$work/pg/cert.pem" -c ssl_key_file="$work/pg/key.pem" \
		-c fsync=off >"$work/postgres.log" 2>&1 &
	server_pid=$!
	pids+=("$server_pid")
	export PGPASSWORD=elephant
	db=postgres
	sql() {
		psql -q -h 127.0.0.1 -p "$port" -U turnpike -d "$db" -v ON_ERROR_STOP=1 -c "$1"
	}
	within 20 sql "SELECT 1" >/dev/null 2>&1
	sql "CREATE DATABASE turn"
	db=turn
	sql "$(cat /usr/share/coturn/schema.sql)"
	admin_db=(-e "host=127.0.0.1 port=$port dbname=turn user=turnpike password=elephant")
	fill
	start_unreliable "127.0.0.1:$port"
	secret_file elephant
	configure "driver = postgresql
	host = $backend_address
	port = $backend_port
	database = turn
	user = turnpike
	password_file = $work/secret
	ca_file = $work/ca.pem"
	start_daemon "$config"
	good_days
	bad_days
	stop_daemon
	wrong_password_and_authority
	kill -INT "$server_pid"
}

secret_file() {
	echo "$1" >"$work/secret"
	chmod 600 "$work/secret"
}

# The service's password is another one now; then the server shows a certificate of nobody's.
wrong_password_and_authority() {
	secret_file giraffe
	start_daemon "$config"
	check "$driver: with the service's password changed it is 500" refused_with 500 "$user" \
		"$password" 2500
	check "$driver: which the log says" grep -q "secrets, peers and limits cannot be read" \
		"$daemon_log"
	stop_daemon
	secret_file elephant
	sed -i "s|^[[:space:]]*ca_file = .*|ca_file = $work/other.pem|" "$config"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=somebody else" -keyout "$work/other.key" -out "$work/other.pem" \
		2>/dev/null
	start_daemon "$config"
	check "$driver: nor is a server trusted that anybody could be" refused_with 500 "$user" \
		"$password" 2500
	stop_daemon
}

# --- MariaDB ---------------------------------------------------------------------------------

mysql() {
	local port

	if ! command -v mariadbd >/dev/null; then
		echo "  there is no MariaDB here"
		return
	fi
	port=$(free_port)
	mkdir -m 755 "$work/my"
	cp "$work/cert.pem" "$work/key.pem" "$work/ca.pem" "$work/my"
	[ "$(id -u)" != 0 ] || chown -R nobody:nogroup "$work/my"
	"${nobody[@]}" mariadb-install-db --no-defaults --datadir="$work/my/data" \
		--auth-root-authentication-method=normal --skip-test-db >"$work/install_db.log" 2>&1
	"${nobody[@]}" mariadbd --no-defaults --datadir="$work/my/data" --bind-address=127.0.0.1 \
		--port="$port" --socket="$work/my/socket" --pid-file="$work/my/pid" \
		--ssl-cert="$work/my/cert.pem" --ssl-key="$work/my/key.pem" \
		--ssl-ca="$work/my/ca.pem" --max-connect-errors=1000000 \
		>"$work/mariadbd.log" 2>&1 &
	server_pid=$!
	pids+=("$server_pid")
	sql() {
		mariadb --no-defaults -u root -S "$work/my/socket" ${db:+-D "$db"} -e "$1"
	}
	db=
	within 30 sql "SELECT 1" >/dev/null 2>&1
	sql "CREATE DATABASE turn; CREATE USER turnpike IDENTIFIED BY 'elephant';
		GRANT ALL ON turn.* TO turnpike"
	db=turn
	sql "$(cat /usr/share/coturn/schema.sql)"
	admin_db=(-M "host=127.0.0.1 port=$port dbname=turn user=turnpike password=elephant")
	fill
	start_unreliable "127.0.0.1:$port"
	secret_file elephant
	configure "driver = mysql
	host = $backend_address
	port = $backend_port
	database = turn
	user = turnpike
	password_file = $work/secret
	ca_file = $work/ca.pem"
	start_daemon "$config"
	good_days
	bad_days
	stop_daemon
	wrong_password_and_authority
}

for driver in ${DRIVERS:-sqlite postgresql mysql}; do
	$driver
done
finish
