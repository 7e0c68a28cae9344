# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of plugins that ask a server: to be sourced after lib.sh.
# The server is reached through unreliable.py at 127.0.0.2, so that peers at
# 127.0.0.1 are not the back end's own address.

backend_address=127.0.0.2

# start_unreliable SERVER:PORT: sets backend_port.
start_unreliable() {
	behave pass
	rm -f "$work/unreliable.port"
	"$root/tests/system/unreliable.py" "$backend_address" "$1" "$work/mode" \
		>"$work/unreliable.port" 2>"$work/unreliable.log" &
	pids+=("$!")
	within 10 test -s "$work/unreliable.port"
	backend_port=$(cat "$work/unreliable.port")
}

# behave MODE...: of unreliable.py
behave() {
	echo "$@" >"$work/mode.new"
	mv "$work/mode.new" "$work/mode"
}

# In front of servers that refuse to run as root. No function: in the background $! would be
# that of a shell, which does not end them when it is ended.
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

# logins ARGS...: prints what logins.py says of the daemon's UDP listener
logins() {
	"$root/tests/system/logins.py" "$(port_of udp 127.0.0.1)" "$@"
}

# answered CODES MAX-MS ARGS...: logins get these codes, as "200:5 401:1", in this time
answered() {
	local codes=$1 max_ms=$2

	shift 2
	logins "$@" >"$work/logins.json" || return 1
	cat "$work/logins.json"
	/usr/bin/python3 - "$work/logins.json" "$codes" "$max_ms" <<-'END'
	import json, sys
	got = json.load(open(sys.argv[1]))
	codes = " ".join(f"{code}:{count}" for code, count in got["codes"].items())
	if codes != sys.argv[2] or got["max_ms"] > float(sys.argv[3]):
	    sys.exit(f"{codes} within {got['max_ms']} ms")
	END
}

logs_in() {
	answered "200:1" "${3:-5000}" --users "$1" --password "$2"
}

refused_with() {
	answered "$1:1" "${4:-5000}" --users "$2" --password "$3"
}

# everywhere USER: on all workers
everywhere() {
	answered "200:20" 5000 --users "$1" --password "$password" --logins 20 --clients 20
}

resident_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}

# relays PASSWORD: a burst is relayed through the daemon, without a loss
relays() {
	run_probe "turn:127.0.0.1:$(port_of udp 127.0.0.1)" -u "$user" -p "$1" --count 50 --timeout 3
}

# --- clients nobody here wrote ---------------------------------------------------------

uclient() {
	turnutils_peer -L 127.0.0.1 -p "$1" >"$work/peer.log" 2>&1 &
	pids+=("$!")
	LD_PRELOAD=$work/low_channels.so timeout 30 turnutils_uclient -u "$user" -w "$password" \
		-p "$(port_of udp 127.0.0.1)" -e 127.0.0.1 -r "$1" -n 20 -z 10 -c -y 127.0.0.1 \
		>"$work/uclient.log" 2>&1
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%)" "$work/uclient.log"
}

browse() {
	mkdir -p "$work/home"
	HOME=$work/home timeout -k 5 120 "$root/tests/system/browser.py" --protocol udp \
		--url "turn:127.0.0.1:$(port_of udp 127.0.0.1)?transport=udp" \
		--username "$user" --credential "$password" --profile "$(mktemp -d "$work/profile.XXXXXX")"
}

# clients: coturn's and, with its name, a browser
clients() {
	cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" \
		"$root/tests/system/low_channels.c"
	check "$1coturn's client relays" uclient "$(free_port)"
	check "$1so does a browser" browse
}

median() {
	logins --users "$1" --password "$password" --logins 100 --clients 1 |
		/usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["median_ms"])'
}

# What a look-up adds to an Allocate: of users never asked for, and of one who is known.
# The former are unknown, which costs the server the same.
latency() {
	echo "          ${1}an Allocate takes $(median "cold%d") ms cold, $(median "$user") ms cached"
}

# --- bad days -------------------------------------------------------------------------

# start_relaying SECONDS: allocations are used all the while; not a packet may be lost.
start_relaying() {
	timeout 120 "$probe" load --allocations 2 --rate 200 --seconds "$1" --json \
		-u "$user" -p "$password" "turn:127.0.0.1:$(port_of udp 127.0.0.1)" \
		>"$work/load.json" 2>"$work/load.log" &
	relaying_pid=$!
	pids+=("$relaying_pid")
}

relayed_all() {
	wait "$relaying_pid" || return 1
	cat "$work/load.json"
	/usr/bin/python3 - "$work/load.json" <<-'END'
	import json, sys
	got = json.load(open(sys.argv[1]))
	sys.exit(got["lost"] != 0 or got["received"] == 0)
	END
}

# bad_day MODE...: a user who is cached logs in, another one gets 500 in time, and two
# seconds after it is over all is well. New users are called new0, new1, ...
bad_days=0
bad_day() {
	local new=new$bad_days

	bad_days=$((bad_days + 1))
	behave "$@"
	everywhere "$user" && refused_with 500 "$new" "$password" 2500 &&
		refused_with 500 "${new}more" "$password" 2500 || return 1
	behave pass
	within 2 logs_in "$new" "$password" 3000
}

# unknown_users: ten thousand of them, in a burst
unknown_users() {
	local before after

	before=$(resident_kb)
	answered "401:10000" 20000 --users "nobody%d" --logins 10000 --clients 500 || return 1
	after=$(resident_kb)
	echo "resident before $before KiB, after $after KiB"
	[ $((after - before)) -lt "${MEMORY_KB:-65536}" ]
}

# What others have left behind would be 437 for who gets the port of its client.
one_user_from_everywhere() {
	ctl kill --user "$1" || true
	sleep 0.5
	answered "200:1000" 10000 --users "$1" --password "$password" --logins 1000 --clients 1000
}

hostile_names() {
	local name code

	for name in "' OR '1'='1" '" OR 1=1 --' '%s%n%x' '*()\|&' "alice'; DROP TABLE turnusers_lt; --" \
		'../../etc/passwd' 'alice/../alice' "$(printf '\377\376\300\200')" \
		"$(printf '\355\240\200')" "$(head -c 764 /dev/zero | tr '\0' a)" \
		"$(head -c 763 /dev/zero | tr '\0' a)" '$1' '?' '%' '_' 'ALICE' 'alice ' "$(printf 'a\tb')"; do
		code=401
		[ ${#name} = 764 ] && code=400
		refused_with "$code" "$name" "$password" || {
			echo "that was $name"
			return 1
		}
	done
}
