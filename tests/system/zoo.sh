#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Plugins that are broken, each in its own way: what a user reads, and whether the
# daemon did not start, lives on or ended as turnpike-plugin(7) says.

. "$(dirname "$0")/lib.sh"

make_certs
zoo=$build/tests/plugins
config=$work/turnpike.conf
credentials="-u $user -p $password"

# enable PLUGIN [KEY=VALUE...]: beside auth_file, which comes last.
enable() {
	local name=$1 line

	shift
	write_config "$config" "plugins = $zoo/$name.so auth_file
park_deadline = 500ms" <<-END
		[plugin.$name]
		$(for line in "$@"; do echo "$line"; done)
		END
}

probe_once() {
	# shellcheck disable=SC2086
	run_probe "turn:127.0.0.1:$(port_of udp 127.0.0.1)" --timeout 3 --count 2 $credentials
}

# --- those that are not even started ------------------------------------------------

# refused SENTENCE: the daemon ends by itself and says so, with status 1.
refused() {
	exits 1 timeout 20 "$turnpike" -c "$config" >"$work/refused" 2>&1
	cat "$work/refused"
	grep -qE "$1" "$work/refused" && ! grep -qw ready "$work/refused"
}

# unfit PLUGIN SENTENCE [KEY=VALUE...]
unfit() {
	local name=$1 sentence=$2

	shift 2
	enable "$name" "$@"
	check "$name is refused: \"$sentence\"" refused "$sentence"
}

unfit no_symbol "no_symbol.so: exports no symbol turnpike_plugin"
unfit wrong_major "wrong_major.so: is built for plugin interface 2\\.[0-9]+, wanted 1\\.x"
unfit newer_minor "newer_minor.so: is built for plugin interface 1\\.[0-9]+, wanted 1\\.[0-9]+ or older"
unfit short_table "short_table.so: its table has 48 bytes, wanted [0-9]+ for interface 1\\.[0-9]+"
unfit short_events "its table of events has 16 bytes, wanted [0-9]+ for interface 1\\.[0-9]+"
unfit unresolved_symbol "undefined symbol: turnpike_function_that_nobody_has"
unfit create_fails "create of .*/create_fails.so failed: no users in /nonexistent"
unfit worker_start_fails "worker_start of .*/worker_start_fails.so failed: no directory server"
unfit hooks "hooks.so: undefined symbol: test_hooks"
unfit denies_all "\"on_turn_before_alocate\" is no event; did you mean \"on_turn_before_allocate\"" \
	"events = on_turn_before_alocate"
unfit denies_all "denies_all.so does not handle on_turn_usage" "events = on_turn_usage"

# --- those that end the daemon -------------------------------------------------------

# died STATUS SENTENCE: in the daemon's log, as the last thing it did. With a
# sanitizer the end is the sanitizer's.
died() {
	local got=0

	within 20 gone "$daemon_pid"
	wait "$daemon_pid" || got=$?
	tail -n 5 "$daemon_log"
	echo "exit status $got"
	grep -qxF "turnpike: crashed in plugin $2" "$daemon_log" || return 1
	grep -q Sanitizer "$daemon_log" || [ "$got" = "$1" ]
}

start_and_die() {
	daemon_log=$config.log
	"$turnpike" -c "$config" 2>"$daemon_log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
	died "$@"
}

ulimit -c 0
enable crashes "in = create"
check "a crash in create is named" start_and_die 139 "crashes (create)"
enable crashes "in = worker_start"
check "one in worker_start, too" start_and_die 139 "crashes (worker_start)"

# crash PLACE STATUS WHAT
crash() {
	enable crashes "in = $1"
	start_daemon "$config" || return 1
	probe_once >/dev/null 2>&1 || true
	died "$2" "crashes ($3)"
}
check "a crash in a handler names plugin and event" crash handler 139 on_turn_before_allocate
check "so does an abort" crash abort 134 on_turn_before_allocate
check "so does a stack that is full" crash overflow 139 on_turn_before_allocate
check "a crash in a job names the plugin" crash job 139 job

# --- those the daemon lives with -------------------------------------------------------

# said SENTENCE: within some seconds, in the log of a daemon that is alive.
said() {
	within 10 grep -qE "$1" "$daemon_log" || {
		tail -n 10 "$daemon_log"
		return 1
	}
	alive "$daemon_pid"
}

# counted NAME: is not 0, after asking for the counters
counted() {
	kill -USR1 "$daemon_pid"
	said "counter $1=[1-9]"
}

live_with() {
	enable "$@"
	start_daemon "$config"
}

check "parks_for_ever: starts" live_with parks_for_ever
check "parks_for_ever: nobody gets in" exits 1 probe_once
check "parks_for_ever: who is late is named" said \
	"plugin parks_for_ever did not answer on_stun_request_authorization within 500 ms: refused"
stop_daemon

check "parks_for_ever, on_error = pass: starts" live_with parks_for_ever "on_error = pass" \
	"deadline_ms = 100"
check "parks_for_ever, on_error = pass: the next one is asked" probe_once
check "parks_for_ever, on_error = pass: who is late is named" said \
	"plugin parks_for_ever did not answer .* within 100 ms: counts as no opinion"
stop_daemon

check "answers_twice: starts" live_with answers_twice
credentials="-u $user -p secret"
check "answers_twice: the first answer counts" probe_once
credentials="-u $user -p $password"
check "answers_twice: the second is counted" counted host.ticket.stale
stop_daemon

check "answers_late: starts" live_with answers_late
check "answers_late: nobody gets in" exits 1 probe_once
check "answers_late: the answer is counted" counted host.ticket.stale
stop_daemon

check "answers_after_unload: starts" live_with answers_after_unload
check "answers_after_unload: nobody gets in" exits 1 probe_once
sed -i 's/^plugins = .*/plugins = auth_file/' "$config"
kill -HUP "$daemon_pid"
check "answers_after_unload: is unloaded by a reload" within 10 probe_once
check "answers_after_unload: nobody hears it" alive "$daemon_pid"
stop_daemon

check "blocks: starts" live_with blocks
check "blocks: clients get in" probe_once
check "blocks: is named in a warning" said \
	"plugin blocks held up its worker for [0-9]+ ms in on_turn_before_allocate"
check "blocks: is counted" counted host.handler.slow
stop_daemon

# --- one object, several instances -----------------------------------------------------

printf '%s plain:%s\n' carol looking-glass >"$work/guests"
chmod 600 "$work/guests"
write_config "$config" "plugins = corp guests" <<-END
	[plugin.corp]
	file = auth_file
	users = $work/users
	events = on_stun_request_authorization

	[plugin.guests]
	file = auth_file
	users = $work/guests
	END
check "one object serves two instances" start_daemon "$config"
check "the first has its users" probe_once
credentials="-u carol -p looking-glass"
check "the second has its own" probe_once
credentials="-u carol -p $password"
check "nobody else gets in" exits 1 probe_once
stop_daemon
finish
