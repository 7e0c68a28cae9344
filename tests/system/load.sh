#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# turnpike-probe load in each of its modes, against the daemon and without one.

. "$(dirname "$0")/lib.sh"

write_config "$work/turnpike.conf" </dev/null
sed -i '/^\[listener.secure\]/,/^key =/d' "$work/turnpike.conf"
start_daemon "$work/turnpike.conf"
udp=turn:127.0.0.1:$(port_of udp 127.0.0.1)
udp6="turn:[::1]:$(port_of udp '[::1]')"
tcp="turn:127.0.0.1:$(port_of tcp 127.0.0.1)?transport=tcp"
sockets=$(udp_sockets "$daemon_pid")
login=(-u "$user" -p "$password")
few=(--allocations 10 --seconds 1 --rate 500 --server-pid "$daemon_pid" --json)

# begin OPTIONS... SERVER -- CONDITION: load in the background, to be asked of its report, a
# Python dictionary "r", when "report" comes to its turn.
begun=0
begin() {
	local args=()

	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	begun=$((begun + 1))
	run_probe load "${login[@]}" "${few[@]}" "${args[@]}" </dev/null >"$work/out.$begun" 2>&1 &
	loads[begun]=$!
	conditions[begun]=$2
}

# report N: what the Nth has come to.
report() {
	local status=0

	wait "${loads[$1]}" || status=$?
	cat "$work/out.$1"
	[ "$status" = 0 ] || return 1
	/usr/bin/python3 - "$work/out.$1" "${conditions[$1]}" <<-'END'
		import json, sys
		r = json.loads(open(sys.argv[1]).readlines()[-1])
		assert eval("(" + sys.argv[2] + ")")
	END
}

clean='r["received"] == r["sent"] and r["lost"] == r["reordered"] == r["duplicated"] == 0 and
	r["corrupt"] == r["failed"] == 0 and'
paced="$clean 100 < r['sent'] < 1000"
measured="0 < r['p50_us'] <= r['p99_us'] <= r['p999_us'] <= r['max_us'] and
	r['server_cpu_ns_per_packet'] > 0 and r['server_rss_after'] >= r['server_rss_before'] > 0"

begin "$udp" -- "$paced and $measured and r['mode'] == 'channel' and r['allocations'] == 10"
begin "$udp6" -- "$paced"
begin --mode send --size 1201 "$udp" -- "$paced"
begin --mode send "$udp6" -- "$paced"
begin --mode hairpin "$udp" -- "$paced"
begin --train 10 --size 1200 "$udp" -- "$paced"
begin --size 173 "$tcp" -- "$paced"
begin --mode binding "$udp" -- "$paced"
begin --mode allocate --rate 100 "$udp" -- "$clean r['sent'] > 20"

check "ChannelData, with latency and the server's costs" report 1
check "ChannelData over IPv6" report 2
check "Send and Data indications, of another size" report 3
check "Send and Data indications over IPv6" report 4
check "pairs of clients" report 5
check "trains" report 6
check "ChannelData over TCP, padded" report 7
check "Binding" report 8
check "lives of allocations" report 9

begin --rate 0 "$udp" -- "r['corrupt'] == 0 and r['received'] > 1000"
check "as much as goes through" report 10

released() {
	[ "$(udp_sockets "$daemon_pid")" = "$1" ]
}
check "no allocation is left" within 5 released "$sockets"

# Held until its input ends.
idle() {
	mkfifo "$work/input"
	run_probe load "${login[@]}" --mode idle --allocations 500 --seconds 60 "$udp" \
		<"$work/input" >"$work/idle.out" &
	local pid=$! status=0

	exec 9>"$work/input"
	within 10 grep -qx ready "$work/idle.out" && released $((sockets + 500)) || status=1
	exec 9>&-
	wait "$pid" || status=1
	cat "$work/idle.out"
	return $status
}
check "idle allocations are held" idle

# --- what cannot work -------------------------------------------------------------

# refused STATUS WORDS ARGS...: with that status, in these words.
refused() {
	local status=$1 words=$2

	shift 2
	exits "$status" run_probe load "$@" >"$work/out" 2>&1
	cat "$work/out"
	grep -qF -e "$words" "$work/out"
}
check "a wrong password" refused 1 "401: the server does not accept the user name or password" \
	-u "$user" -p looking-glass "$udp"
check "no credentials" refused 1 "the server wants a user name and a password" "$udp"
check "a process that is not there" refused 1 "there is no process 999999999" \
	"${login[@]}" --server-pid 999999999 "$udp"
check "an unknown mode is wrong usage" refused 2 "--mode takes" --mode fast "$udp"
check "no server is wrong usage" refused 2 "one server, please" "${login[@]}"

stop_daemon
check "nobody at the port" refused 1 "nobody listens" "${login[@]}" "$udp"
check "nobody at the port over TCP" refused 1 "Connection refused" "${login[@]}" "$tcp"
check "a name that is none" refused 1 "the server's name: " "${login[@]}" turn:nowhere.invalid

# --- without a protocol -----------------------------------------------------------

# A forwarder of ten flows: its own port, one for each above it, and above those a sink.
cat >"$work/forwarder.py" <<'END'
import select, socket, sys
port = int(sys.argv[1])
sockets = []
for i in range(12):
    sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sockets[i].bind(("127.0.0.1", port + i))
clients, peers = {}, {}
print("ready", flush=True)
while True:
    for s in select.select(sockets[:11], [], [])[0]:
        data, source = s.recvfrom(2048)
        i = int.from_bytes(data[:4], "big")
        (clients if s is sockets[0] else peers)[i] = source
        if s is sockets[0] and i in peers:
            sockets[1 + i].sendto(data, peers[i])
        elif s is not sockets[0] and i in clients:
            sockets[0].sendto(data, clients[i])
END
port=$(free_port)
/usr/bin/python3 "$work/forwarder.py" "$port" >"$work/forwarder.out" &
pids+=("$!")
within 10 grep -q ready "$work/forwarder.out"
login=()
few=(--allocations 10 --seconds 1 --rate 500 --json)
begin "udp:127.0.0.1:$port" -- "$paced"
begin --direction up "sink:127.0.0.1:$((port + 11))" -- "100 < r['sent'] < 1000 and r['lost'] == 0"
check "a bare forwarder" report 11
check "a sink" report 12

finish
