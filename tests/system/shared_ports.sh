#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Allocations share relayed ports: hundreds of them on four, in a network
# namespace, where all ports are free. Clients of our own and coturn's.

if [ -z "${IN_NAMESPACE-}" ]; then
	if ! unshare --net true 2>/dev/null; then
		echo "skipped: needs root and network namespaces"
		exit 0
	fi
	IN_NAMESPACE=1 exec unshare --net "$0" "$@"
fi

. "$(dirname "$0")/lib.sh"

ip link set lo up
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
cc -D_GNU_SOURCE -DPLAIN_ALLOCATE -shared -fPIC -o "$work/plain_allocate.so" \
	"$root/tests/system/low_channels.c"
make_certs

# config NAME WORKERS PORTS SHARED: a file that relays on shared ports of 127.0.0.1.
config() {
	write_config "$work/$1.conf" $'plugins = auth_file\nworkers = '"$2" </dev/null
	sed -i "s/^address = 127.0.0.1 ::1/address = 127.0.0.1\nports = $3\nshared_ports = $4/" \
		"$work/$1.conf"
}

# refused NAME PATTERN [OPTIONS...]: the daemon does not start with that file, and says why.
refused() {
	exits 1 timeout 20 "$turnpike" "${@:3}" -c "$work/$1.conf" >"$work/refused.log" 2>&1
	cat "$work/refused.log"
	grep -Eq "$2" "$work/refused.log"
}

config few 3 50000-50010 4
check "a range that is too small" refused few \
	'\[relay\] shared_ports: 4 for each of 3 workers are 12, and "ports" has 11'
check "and turnpike -t says so, too" refused few 'are 12, and "ports" has 11' -t
config taken 2 50000-50010 2
/usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 50002))
print("bound", flush=True)
time.sleep(600)' >"$work/taken.log" &
pids+=($!)
taken=$!
within 20 grep -q bound "$work/taken.log"
check "a port that another program has" refused taken \
	"shared_ports: udp 127.0.0.1:50002: another program has this port"
stop $taken

config turnpike 2 50000-50099 2
start_daemon "$work/turnpike.conf"
udp=$(port_of udp 127.0.0.1)
check "the log names the ports" grep -q \
	"relaying address=127.0.0.1 shared_ports=50000-50003" "$daemon_log"
check "300 clients on four ports" timeout 120 "$root/tests/system/shared_ports.py" \
	"$udp" "$user" "$password" "$daemon_pid" 50000 50003 300

# --- coturn's clients --------------------------------------------------------------

preload=$work/low_channels.so

# begin LOG OPTIONS...: in the background.
begin() {
	local log=$work/$1

	shift
	{
		status=0
		LD_PRELOAD=$preload timeout 90 turnutils_uclient -u "$user" \
			-w "$password" -c -n 100 -l 170 -z 10 "$@" >"$log" 2>&1 || status=$?
		echo $status >"$log.status"
	} &
}

# nothing_lost LOG...: sent and received agree, and it is not the agreement of nothing.
nothing_lost() {
	local log

	for log in "$@"; do
		within 100 test -f "$work/$log.status" || return 1
		tail -n 3 "$work/$log"
		grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/$log" &&
			grep -Eq "start_mclient: tot_send_msgs=([1-9][0-9]*), tot_recv_msgs=\1\$" \
				"$work/$log" || return 1
	done
}

peers=()
logs=()
for number in {1..50}; do
	peers+=(-L "127.0.1.$number")
done
turnutils_peer -p 3480 "${peers[@]}" >"$work/peer.log" 2>&1 &
pids+=($!)
for number in {1..50}; do
	mode=()
	[ $((number % 2)) = 0 ] || mode=(-s)
	begin "client.$number" -p "$udp" ${mode[@]+"${mode[@]}"} -e "127.0.1.$number" 127.0.0.1
	logs+=("client.$number")
done
check "fifty clients with fifty peers" nothing_lost "${logs[@]}"

# More than the ports that there are, all to one peer: those that cannot get it are told.
told_508() {
	within 100 test -f "$work/crowd.status" || return 1
	tail -n 5 "$work/crowd"
	grep -q "channel bind: error 508 (Peer Taken On This Shared Port)" "$work/crowd"
}
begin crowd -m 8 -p "$udp" -e 127.0.1.1 127.0.0.1
check "too many clients for one peer" told_508
stop_daemon

# Each pair of clients has a pair of ports to itself: they are handed out in order.
preload=$work/plain_allocate.so
config pairs 1 50000-50099 64
start_daemon "$work/pairs.conf"
udp=$(port_of udp 127.0.0.1)
begin channels -y -m 16 -p "$udp" 127.0.0.1
check "eight pairs of clients, channels" nothing_lost channels
begin send -y -s -m 16 -p "$udp" 127.0.0.1
check "eight pairs of clients, Send" nothing_lost send
stop_daemon
finish
