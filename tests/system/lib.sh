# SPDX-License-Identifier: Apache-2.0
# Shared by the system tests; to be sourced. Each script has its own folder,
# its own daemon on ports of the kernel's choice, and ends what it started.

set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-build}
case $build in
/*) ;;
*) build=$root/$build ;;
esac
turnpike=$build/turnpike
probe=$build/turnpike-probe
turnpikectl=$build/turnpikectl

user=alice
password=wonderland
realm=turn.example.org
secret='north#of;here'

work=$(mktemp -d "${TMPDIR:-/tmp}/turnpike-test.XXXXXX")
chmod 755 "$work"
passed=0
failed=0
pids=()

# --- processes ------------------------------------------------------------------

# stop PID: ask, and insist after five seconds.
stop() {
	local pid=$1 i

	kill -TERM "$pid" 2>/dev/null || return 0
	for ((i = 0; i < 100; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

cleanup() {
	local status=$? pid

	for pid in ${pids[@]+"${pids[@]}"}; do
		stop "$pid"
	done
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# within SECONDS COMMAND...: until the command succeeds.
within() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

alive() {
	kill -0 "$1" 2>/dev/null
}

# --- the daemon -----------------------------------------------------------------

ready_or_gone() {
	grep -qw ready "$daemon_log" 2>/dev/null || ! alive "$daemon_pid"
}

# start_daemon CONFIG: sets daemon_pid and daemon_log; fails when it does not get ready.
start_daemon() {
	daemon_config=$1
	daemon_log=$1.log
	: >"$daemon_log" # an earlier daemon was ready, too
	"${daemon_binary:-$turnpike}" -c "$1" 2>"$daemon_log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
	if ! within 20 ready_or_gone || ! alive "$daemon_pid"; then
		echo "the daemon did not get ready:" >&2
		sed 's/^/    /' "$daemon_log" >&2
		return 1
	fi
}

gone() {
	! alive "$1"
}

# end_daemon: ask it to end; its status is 0 and no sanitizer has spoken.
end_daemon() {
	local status=0

	kill -TERM "$daemon_pid" || return 1
	within 15 gone "$daemon_pid" || return 1
	wait "$daemon_pid" || status=$?
	tail -n 5 "$daemon_log"
	echo "exit status $status"
	grep -E -A 15 "Sanitizer|runtime error" "$daemon_log" && return 1
	[ $status = 0 ]
}

stop_daemon() {
	check "the daemon ends well" end_daemon
}

# ctl WORDS...: ask the daemon of start_daemon through its control socket.
ctl() {
	timeout 30 "$turnpikectl" --socket "$daemon_config.sock" "$@"
}

# udp_sockets PID: how many UDP sockets it has open, relayed ones included.
udp_sockets() {
	local inodes

	inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n')
	awk -v inodes="$inodes" 'BEGIN { split(inodes, list, "\n"); for (i in list) own[list[i]] }
		$10 in own { count++ } END { print count + 0 }' /proc/net/udp /proc/net/udp6
}

# port_of TRANSPORT ADDRESS: the port a listener has got; IPv6 addresses in brackets.
port_of() {
	local address=${2/[/\\[}

	sed -n "s/.*listening.*transport=$1 address=$address:\([0-9][0-9]*\).*/\1/p" "$daemon_log" |
		head -n 1
}

# write_config FILE [EXTRA-TURNPIKE-LINES]: one daemon with every transport on
# 127.0.0.1 and ::1, users from a file; further sections come from standard input.
write_config() {
	local file=$1

	printf '%s plain:%s\n' "$user" "$password" >"$work/users"
	chmod 600 "$work/users"
	cat >"$file" <<-END
	[turnpike]
	realm = $realm
	plugin_dir = $build/plugins
	control = $file.sock
	${2-plugins = auth_file}

	[listener.plain]
	transport = udp tcp
	address = 127.0.0.1:0 [::1]:0

	[listener.secure]
	transport = tls dtls
	address = 127.0.0.1:0 [::1]:0
	certificate = $work/cert.pem
	key = $work/key.pem

	[relay]
	address = 127.0.0.1 ::1

	[peers]
	lift = loopback

	[plugin.auth_file]
	users = $work/users
	END
	cat >>"$file"
}

# --- certificates ---------------------------------------------------------------

# make_certs [NAMES]: a CA in ca.pem and a certificate for localhost, 127.0.0.1 and ::1.
make_certs() {
	local names=${1:-DNS:localhost,IP:127.0.0.1,IP:::1}

	(
		cd "$work"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj "/CN=Turnpike test CA" -keyout ca.key -out ca.pem \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj "/CN=localhost" -keyout key.pem -out leaf.csr
		printf '%s\n' "subjectAltName=$names" \
			"extendedKeyUsage=serverAuth" >leaf.ext
		openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
			-extfile leaf.ext -out cert.pem
		chmod 600 key.pem
	) >"$work/openssl.log" 2>&1 || {
		cat "$work/openssl.log" >&2
		return 1
	}
}

# --- cases ----------------------------------------------------------------------

# pass NAME, fail NAME FILE-WITH-DETAILS
pass() {
	passed=$((passed + 1))
	echo "  ok      $1"
}

fail() {
	failed=$((failed + 1))
	echo "  FAILED  $1"
	if [ -n "${2-}" ] && [ -f "$2" ]; then
		tail -n 25 "$2" | sed 's/^/          /'
	fi
}

# check NAME COMMAND...: passes when the command succeeds within a minute's time.
check() {
	local check_name=$1 # seen by the command: a name of its own

	shift
	if "$@" >"$work/case.log" 2>&1; then
		pass "$check_name"
	else
		fail "$check_name" "$work/case.log"
	fi
}

# exits STATUS COMMAND...
exits() {
	local want=$1 got=0

	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || {
		echo "exit status $got instead of $want"
		return 1
	}
}

# run_probe ARGS...: bounded
run_probe() {
	timeout 60 "$probe" "$@"
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

# --- coturn, a server nobody here wrote -------------------------------------------

coturn_ready() {
	timeout 5 turnutils_stunclient -p "$coturn_port" 127.0.0.1 >/dev/null 2>&1
}

# start_coturn PORT TLS-PORT OPTIONS...: sets coturn_pid; ports must be free.
start_coturn() {
	coturn_port=$1
	coturn_tls_port=$2
	shift 2
	turnserver -n --listening-ip 127.0.0.1 --relay-ip 127.0.0.1 --allow-loopback-peers \
		--listening-port "$coturn_port" --tls-listening-port "$coturn_tls_port" \
		--cert "$work/cert.pem" --pkey "$work/key.pem" --realm "$realm" --no-cli \
		--pidfile "$work/coturn.pid" --userdb "$work/coturn.db" --log-file stdout \
		--simple-log "$@" >"$work/coturn.log" 2>&1 &
	coturn_pid=$!
	pids+=("$coturn_pid")
	within 20 coturn_ready
}

# free_port: a port that nobody has right now.
free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
