#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The control socket and turnpikectl: every request of the real daemon, whom it
# answers, and what it does with those who are up to no good.

. "$(dirname "$0")/lib.sh"

config=$work/turnpike.conf
mkdir -p "$work/plugins"
cc -shared -fPIC -Wall -Wextra -Werror -DBUILD=7 -I"$root/include" \
	-o "$work/plugins/generations.so" "$root/tests/system/generations.c"
chmod 755 "$work/plugins" "$work/plugins/generations.so"
make_certs
write_config "$config" "plugins = $work/plugins/generations.so auth_file" </dev/null
echo 'bob plain:builder' >>"$work/users"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)

# case NAME: of control.py
raw() {
	timeout 60 /usr/bin/python3 "$root/tests/system/control.py" "$config.sock" "$1"
}

# prints PATTERN COMMAND...: the command succeeds and its output has the pattern.
prints() {
	local pattern=$1

	shift
	"$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	cat "$work/out"
	grep -Eq -- "$pattern" "$work/out"
}

# says PATTERN COMMAND...: the same for one that fails with status 1.
says() {
	local pattern=$1

	shift
	exits 1 "$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	cat "$work/out"
	grep -Eq -- "$pattern" "$work/out"
}

# --- requests -----------------------------------------------------------------------

check "status tells the version" prints "^version: [0-9.]+$" ctl status
check "and the listeners" prints "^listener.plain +udp +127.0.0.1:$udp$" ctl status
check "status as JSON" prints '^\{"version":"[0-9.]+","pid":'"$daemon_pid"',' ctl --json status
check "plugins tells the files" prints "^generations .* 1\.1 +1 +0 +$work/plugins/generations.so$" \
	ctl plugins
check "and the events" prints "^auth_file +on_stun_request_authorization +0 " ctl plugins
check "help lists the requests" prints "^plugin reload NAME$" ctl help
check "counters tells what is counted" prints "^turn.requests +[0-9]+ +requests taken up$" ctl counters
check "a plugin answers" prints '^build 7 \[a b\] \[c"d\\e\]$' ctl plugin do generations "a b" 'c"d\e'
check "a plugin refuses" says "generations: .*will not" ctl plugin do generations '!'
check "a plugin without commands says so" says "auth_file has no commands" ctl plugin do auth_file x
check "an unknown plugin is one" says 'no plugin "nobody"' ctl plugin do nobody x
check "the log level is told" prints "^level: info$" ctl log level
check "and changed" prints "^level: debug$" ctl log level debug
check "and changed back" prints "^level: info$" ctl log level info
check "a request that is none" says "unknown request" ctl nonsense

# --- sessions -----------------------------------------------------------------------

hold() {
	mkfifo "$work/hold.$1"
	run_probe load -u "$1" -p "$2" --mode idle --allocations "$3" --seconds 60 \
		"turn:127.0.0.1:$udp" <"$work/hold.$1" >"$work/hold.$1.out" 2>&1 &
	pids+=($!)
	exec {held}>"$work/hold.$1"
	within 20 grep -q ready "$work/hold.$1.out"
}
session_ids() {
	ctl --json sessions "$@" | /usr/bin/python3 -c '
import json, sys
print(*[s["id"] for s in json.load(sys.stdin)["sessions"]])'
}
count_is() {
	local want=$1
	local found

	shift
	found=$(session_ids "$@")
	echo "$found"
	[ "$(echo "$found" | wc -w)" = "$want" ]
}
check "there are no sessions at first" prints "^0 sessions$" ctl sessions
hold "$user" "$password" 3
hold bob builder 1200
check "sessions lists all" count_is 1203
check "or those of a user" count_is 3 --user "$user"
check "or of nobody" count_is 0 --user nobody
check "with all there is to know" prints "^ *[0-9]+ +$user +$realm +udp +127.0.1.[0-9]+:[0-9]+ +127.0.0.1:[0-9]+ +1 +1 " \
	ctl sessions --user "$user"
check "as JSON, too" prints '"user":"alice","realm":"turn.example.org","transport":"udp"' \
	ctl sessions --user "$user" --json
check "UDP is relayed" prints '"relays":"udp","permissions":1,"channels":1,"age_s"' \
	ctl sessions --user "$user" --json
check "status counts them" prints "^allocations: 1203$" ctl status

first=$(session_ids --user "$user" | cut -d' ' -f1)
check "kill ends one" prints "^killed: 1$" ctl kill "$first"
check "once" says "^killed: 0$" ctl kill "$first"
check "the others stay" count_is 2 --user "$user"
check "kill of another realm ends nobody" says "^killed: 0$" ctl kill --user bob --realm other.example.org
check "kill ends all of a user" prints "^killed: 1200$" ctl kill --user bob --realm "$realm"
check "and nobody else" count_is 2

# --- the command line -----------------------------------------------------------------

check "no request is wrong usage" exits 2 ctl
check "so is an unknown option" exits 2 ctl --nonsense status
check "--help" prints "usage: turnpikectl" "$turnpikectl" --help
check "--version" prints "^turnpikectl [0-9.]+$" "$turnpikectl" --version
check "no daemon, a sentence" says "$work/nowhere: cannot reach the daemon: No such file" \
	"$turnpikectl" -s "$work/nowhere" status
check "an error is JSON with --json" says '^\{"error":"unknown request' ctl --json nonsense
check "every request of help is in the manual" prints "^all$" /usr/bin/python3 -c '
import json, re, sys
verbs = {v["verb"] for v in json.load(sys.stdin)["verbs"]}
page = open(sys.argv[1]).read()
rows = set(re.findall(r"^\.It Cm ([a-z]+(?: (?:level|do|reload))?)\b", page, re.M))
rows -= {"user"}  # of turnpikectl itself, made of "plugin do"
print(sorted(verbs ^ rows) or "all")' "$root/man/turnpikectl.8" < <(ctl --json help)

# --- whom it answers --------------------------------------------------------------------

socket_mode() {
	[ "$(stat -c '%a %F' "$config.sock")" = "660 socket" ]
}
check "the socket's mode is 0660" socket_mode
if [ "$(id -u)" = 0 ]; then
	check "a stranger cannot connect" raw stranger
	chmod 666 "$config.sock"
	check "and is refused where the file lets him" raw stranger_with_mode
	chmod 660 "$config.sock"
	check "a member of the socket's group is answered" raw member
fi

# --- hostile ----------------------------------------------------------------------------

for name in garbage overlong silent gone crowd slow_reader; do
	check "hostile: $name" raw $name
done

# --- one that is there -----------------------------------------------------------------

second() {
	exits 1 timeout 20 "$turnpike" -c "$config" >"$work/second" 2>&1
	cat "$work/second"
	grep -q "\[turnpike\] control: $config.sock: another daemon answers there" "$work/second"
}
check "drain" prints "^draining: (true|yes)$" ctl drain
check "is in the status" prints "^draining: (true|yes)$" ctl status
check "and refuses new allocations" exits 1 run_probe \
	"turn:127.0.0.1:$(port_of udp 127.0.0.1)" -u "$user" -p "$password" --timeout 3
check "a second daemon is refused" second
check "and the first is not disturbed" prints "^version" ctl status
stop_daemon
check "the socket goes with the daemon" test ! -e "$config.sock"

/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$config.sock"
check "that of a dead daemon is replaced" start_daemon "$config"
check "and answers" prints "^version" ctl status
stop_daemon
echo precious >"$config.sock"
check "a file that is no socket is refused" exits 1 timeout 20 "$turnpike" -c "$config"
check "and kept" grep -q precious "$config.sock"
rm "$config.sock"
sed -i 's|^control = .*|control = ""|' "$config"
check "empty means none" start_daemon "$config"
check "and there is none" test ! -e "$config.sock"
stop_daemon
finish
