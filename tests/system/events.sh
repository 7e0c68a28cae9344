#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every event is raised by what a real client does, and every veto holds. The
# example plugin "observe" logs a line an event and says no where it is told to.

. "$(dirname "$0")/lib.sh"

make_certs

# observed VETOES: a daemon with the plugin, vetoing these events.
start_observed() {
	write_config "$work/turnpike.conf" "plugins = observe auth_file" <<-END
	[plugin.observe]
	veto = $1
	END
	if [ -z "$1" ]; then
		sed -i '/^veto =/d' "$work/turnpike.conf"
	fi
	sed -i "s/^\[relay\]$/&\nicmp = yes/" "$work/turnpike.conf"
	start_daemon "$work/turnpike.conf"
	udp=$(port_of udp 127.0.0.1)
	sockets=$(udp_sockets "$daemon_pid")
}

login=(-u "$user" -p "$password" --timeout 2 --count 20)

# --- each event is raised -------------------------------------------------------

seen() {
	within 5 grep -q "$1" "$daemon_log"
}

start_observed ""
# One packet each way: the log holds back the lines of a site that says much.
run_probe "turn:127.0.0.1:$udp" "${login[@]}" --count 1 >"$work/probe.log" || true
tcp=$(port_of tcp 127.0.0.1)
run_probe "turn:127.0.0.1:$tcp?transport=tcp" "${login[@]}" --count 1 >"$work/tcp.log" || true
kill -HUP "$daemon_pid"
raw=$root/tests/system/raw.py
# A Binding request whose attribute is longer than the message.
"$raw" udp 127.0.0.1 "$udp" 000100042112a442000000000000000000000001800800ff
# ChannelData, and a Send indication with peer and data, of nobody's allocation.
"$raw" udp 127.0.0.1 "$udp" 4000000401020304
"$raw" udp 127.0.0.1 "$udp" \
	001600142112a442000000000000000000000002001200080001e1baa502a44300130004deadbeef
for event in on_stun_request_authorization on_stun_request_success on_stun_request_error \
	on_stun_exception on_turn_before_allocate on_turn_create_allocation \
	on_turn_delete_allocation on_turn_before_relay_indication \
	on_turn_before_relay_channel_data on_turn_channel_data_discarded \
	on_turn_message_discarded on_turn_before_permission on_turn_before_channel \
	on_turn_redirect on_turn_choose_relay on_turn_before_refresh on_turn_create_permission \
	on_turn_delete_permission on_turn_create_channel on_turn_delete_channel on_turn_usage \
	on_client_connected on_client_closed on_server_reload; do
	check "$event is raised" seen $event
done
check "the client noticed nothing" grep -qx passed "$work/probe.log"
check "nor did the one over TCP" grep -qx passed "$work/tcp.log"
stop_daemon

# --- each veto holds --------------------------------------------------------------

sockets_are_back() {
	[ "$(udp_sockets "$daemon_pid")" = "$sockets" ]
}

# vetoed EVENT STEP PATTERN [STEP-THAT-PASSES]: the probe fails in that step, with those
# words, and no relayed port stays bound afterwards.
vetoed() {
	local out=$work/veto.log

	exits 1 run_probe "turn:127.0.0.1:$udp" "${login[@]}" >"$out" || return 1
	cat "$out"
	grep -Eq "^FAILED +$1 .*$2" "$out" || return 1
	if [ -n "${3-}" ]; then
		grep -Eq "^ok +$3 " "$out" || return 1
	fi
	within 5 sockets_are_back
}

veto() {
	local event=$1

	shift
	start_observed "$event"
	check "$event: the veto holds" vetoed "$@"
	stop_daemon
}

veto on_stun_request_authorization "Allocate A" "401"
veto on_stun_request_success Binding "no answer"
veto on_stun_request_error "Allocate A" "no answer" Binding
veto on_turn_before_allocate "Allocate A" "486|403"
veto on_turn_redirect "Allocate A" "508"
veto on_turn_choose_relay "Allocate A" "508"
veto on_turn_before_permission "CreatePermission A" "403" "Allocate B"
veto on_turn_before_channel "ChannelBind A" "403" "Send and Data"
veto on_turn_before_relay_indication "Send and Data" "20 sent, 0 arrived" ChannelData
veto on_turn_before_relay_channel_data ChannelData "20 sent, 0 arrived" "Send and Data"

# A refused end leaves the allocation until its lifetime runs out.
allocations_stay() {
	exits 1 run_probe "turn:127.0.0.1:$udp" "${login[@]}" >"$work/veto.log" || return 1
	cat "$work/veto.log"
	grep -Eq "^FAILED +Refresh to 0 A +403" "$work/veto.log" &&
		[ "$(udp_sockets "$daemon_pid")" = $((sockets + 2)) ]
}
start_observed on_turn_before_refresh
check "on_turn_before_refresh: the veto holds" allocations_stay
stop_daemon

# A connection that is refused is closed before it says anything.
refused_tcp() {
	exits 1 run_probe "turn:127.0.0.1:$tcp?transport=tcp" "${login[@]}" >"$work/veto.log" ||
		return 1
	cat "$work/veto.log"
	grep -Eq "^FAILED" "$work/veto.log" && seen "refused by a plugin"
}
start_observed on_client_connected
tcp=$(port_of tcp 127.0.0.1)
check "on_client_connected: the veto holds" refused_tcp
stop_daemon

# A peer port where nobody is: coturn's client sends there.
peer_error() {
	timeout 30 turnutils_uclient -u "$user" -w "$password" -p "$udp" -e 127.0.0.1 -r 9 -s -c -n 5 \
		127.0.0.1 >"$work/uclient.log" 2>&1 &
	local client=$!

	pids+=("$client")
	within 20 grep -q "on_turn_peer_error.*peer=127.0.0.1:9" "$daemon_log" || return 1
	stop "$client"
}
start_observed ""
check "on_turn_peer_error is raised" peer_error

told_to_the_client() {
	kill -USR1 "$daemon_pid"
	within 10 grep -Eq "counter turn.icmp_indications=[1-9]" "$daemon_log"
}
check "ICMP is told to the client" told_to_the_client
check "on_turn_refresh_allocation is raised" seen on_turn_refresh_allocation
stop_daemon

# A vetoed success of Allocate undoes the allocation: coturn's client asks for one without
# a Binding first.
nothing_allocated() {
	timeout 10 turnutils_uclient -u "$user" -w "$password" -p "$udp" -e 127.0.0.1 -r 9 -c -n 1 \
		127.0.0.1 >"$work/uclient.log" 2>&1 &
	local client=$!

	pids+=("$client")
	within 8 grep -q on_turn_before_allocate "$daemon_log" || return 1
	within 5 sockets_are_back || return 1
	stop "$client"
}
start_observed on_stun_request_success
check "a vetoed Allocate response leaves no relayed port" nothing_allocated
stop_daemon

finish
