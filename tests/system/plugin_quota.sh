#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# quota in a real daemon: clients run into each kind of limit.

. "$(dirname "$0")/lib.sh"

make_certs
config=$work/turnpike.conf

# limited LINES: the configuration has these limits from now on.
limited() {
	write_config "$config" "plugins = quota auth_file" <<-END
	[auth]
	userhash = no

	[limits]
	usage_interval = 1s

	[plugin.quota]
	$1
	END
	printf 'bob plain:builder\n' >>"$work/users"
}

reload() {
	limited "$1"
	ctl reload
}

probe_once() {
	run_probe "turn:127.0.0.1:$udp" --timeout 2 --count 20 -u "$user" -p "$password" "$@"
}

# meets PATTERN: the probe fails, with those words.
meets() {
	exits 1 probe_once >"$work/probe.log"
	cat "$work/probe.log"
	grep -Eq "^FAILED.*$1" "$work/probe.log"
}

limited "allocations = 1"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)

check "the second allocation of a user is refused" meets "486.*too many allocations of the user"
check "a reload gives him two" reload "allocations = 2"
check "which the probe needs" probe_once
check "and again, as they have ended" probe_once

check "a realm may have too many" reload "realm_allocations = 1"
check "then nobody gets another" meets "486.*too many allocations of the realm"

check "a rate is set" reload "new_per_minute = 1"
check "new ones come too fast" meets "486.*too many new allocations of the user"

# 20 packets of 1000 bytes both ways are 160 kbit, in much less than a second.
lossy() {
	exits 1 probe_once --size 1000 >"$work/probe.log"
	cat "$work/probe.log"
	grep -Eq "^FAILED.*sent, [0-9]+ arrived" "$work/probe.log"
}
check "a bandwidth is set" reload "bits_per_s = 16k"
check "what is beyond is dropped" lossy
check "a number of packets is set" reload "packets_per_s = 5"
check "what is beyond is dropped, too" lossy

check "traffic of the day is limited" reload "bytes_per_day = 1k"
used_up() {
	meets "486.*the user's traffic of the day is used up"
}
check "it is used up" within 10 used_up
check "a reload does not make one forget" reload "bytes_per_day = 2k"
check "it still is" used_up
printf 'mallory bytes_per_day=1\n%s bytes_per_day=none\n' "$user" >"$work/named"
check "a named user has limits of his own" reload "bytes_per_day = 1k
users = $work/named"
check "and none for a day" probe_once

check "who runs is to be ended, too" reload "bytes_per_day = 1k
enforce = kill"
timeout 30 "$probe" load "turn:127.0.0.1:$udp" -u bob -p builder --seconds 10 \
	>"$work/load.log" 2>&1 &
pids+=($!)
ended() {
	grep -q "allocation ended: the user's traffic of the day.*user=bob" "$daemon_log"
}
check "an allocation is ended while it runs" within 15 ended

stop_daemon
finish
