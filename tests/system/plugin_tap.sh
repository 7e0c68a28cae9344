#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tap in a real daemon: a user is recorded while he relays, and tshark reads it.

. "$(dirname "$0")/lib.sh"

make_certs
config=$work/turnpike.conf
folder=$work/tap
mkdir -m 700 "$folder"
write_config "$config" "plugins = auth_file tap" <<-END
[plugin.tap]
folder = $folder
END
printf 'bob plain:builder\n' >>"$work/users"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)

prints() {
	local pattern=$1

	shift
	"$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	cat "$work/out"
	grep -Eq -- "$pattern" "$work/out"
}

says() {
	local pattern=$1

	shift
	exits 1 "$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	cat "$work/out"
	grep -Eq -- "$pattern" "$work/out"
}

tap() {
	ctl plugin do tap "$@"
}

probe_as() {
	run_probe "turn:127.0.0.1:$udp" --timeout 2 --count 20 --size 300 -u "$1" -p "$2"
}

# read_file NAME FIELDS...: with checksums checked.
read_file() {
	local name=$1

	shift
	tshark -n -r "$folder/$name" -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE \
		-T fields -E separator='|' "$@" 2>"$work/tshark.log"
}

check "nothing is recorded" prints "^nothing is recorded$" tap status
check "somebody relays" probe_as "$user" "$password"
check "the folder is empty" sh -c "[ -z \"\$(ls '$folder')\" ]"

check "a recording begins" prints "recording $user into $folder/calls.pcapng" \
	tap start "$user" calls.pcapng
check "there is one at a time" says "is being recorded" tap start bob
check "the user relays" probe_as "$user" "$password"
check "another one, too" probe_as bob builder
check "status counts packets" prints "[1-9][0-9]* packets, [0-9]+ bytes, 0 dropped, recording" \
	tap status
check "it is stopped" prints "ended: stopped" tap stop

# Both ways, by indications and channels; each packet whole and right.
whole() {
	read_file calls.pcapng -e udp.checksum.status -e ip.checksum.status -e udp.length \
		-e frame.comment >"$work/packets"
	sort "$work/packets" | uniq -c
	[ ! -s "$work/tshark.log" ] || grep -vq "Running as user" "$work/tshark.log" ||
		! grep -q "cut short" "$work/tshark.log" || return 1
	for comment in "client to peer, indication" "peer to client, indication" \
		"client to peer, channel" "peer to client, channel"; do
		[ "$(grep -c "^1|1|[0-9]*|$comment" "$work/packets")" -ge 20 ] || return 1
	done
	! grep -qv "^1|1|" "$work/packets"
}
check "tshark reads the file, and each packet is right" within 5 whole
status_agrees() {
	local count
	count=$(wc -l <"$work/packets")
	prints "calls.pcapng: $count packets" tap status
}
check "and as many as status says" status_agrees
check "the file is nobody else's" sh -c "[ \$(stat -c %a '$folder/calls.pcapng') = 600 ]"
check "the log tells of it" grep -q "recording begins who=$user" "$daemon_log"

check "a file that is there stays" says "File exists" tap start bob calls.pcapng
check "no name leaves the folder" says "without a folder" tap start bob ../calls.pcapng
check "nor an absolute one" says "without a folder" tap start bob "$work/x"

# An allocation by its number, under load.
timeout 60 "$probe" load "turn:127.0.0.1:$udp" -u bob -p builder --allocations 4 --seconds 20 \
	--rate 2000 >"$work/load.log" 2>&1 &
load_pid=$!
pids+=("$load_pid")
first_id() {
	id=$(ctl --json sessions --user bob | grep -o '"id":[0-9]*' | head -n 1 | cut -d: -f2)
	[ -n "$id" ]
}
check "sessions tells the numbers" within 10 first_id
check "one of them is recorded" prints "recording id:$id" tap start "id:$id" one.pcapng
many() {
	prints "one.pcapng: [1-9][0-9]{2,} packets, [0-9]+ bytes, 0 dropped" tap status
}
check "packets come in" within 10 many
check "a reload ends it" ctl reload
check "and leaves nothing behind" prints "^nothing is recorded$" tap status
alone() {
	read_file one.pcapng -e udp.checksum.status -e udp.srcport -e udp.dstport \
		-e frame.packet_flags_direction >"$work/packets"
	[ "$(wc -l <"$work/packets")" -ge 100 ] || return 1
	# The client's port is the same in all.
	awk -F'|' '$1 != 1 { bad = 1 }
		{ client[$4 ~ /2$/ ? $2 : $3] = 1 }
		END { for (i in client) count++; exit bad || count != 1 }' "$work/packets"
}
check "it is one allocation, and each packet is right" within 5 alone
stop "$load_pid"

stop_daemon
finish
