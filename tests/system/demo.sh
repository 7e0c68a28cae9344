#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What "make run" starts: the relay comes up, a burst goes through it, the
# credentials are told and work, and Ctrl-C leaves nothing behind.

. "$(dirname "$0")/lib.sh"

# The demonstration has a port of its own; a network of its own keeps it free.
network=()
if unshare -rn true 2>/dev/null; then
	network=(unshare -rn)
fi
out=$work/demo.log
cp -r "$build/plugins" "$work/plugins"
mkdir "$work/build"
ln -s "$turnpike" "$probe" "$work/plugins" "$work/build"

${network[@]+"${network[@]}"} bash -c 'ip link set lo up 2>/dev/null; exec "$0" "$1"' \
	"$root/etc/demo.sh" "$work/build" >"$out" 2>&1 &
demo_pid=$!
pids+=("$demo_pid")

told() {
	grep -q "The relay is up" "$out" || ! alive "$demo_pid"
}
comes_up() {
	within 30 told
	cat "$out"
	grep -q "The relay is up" "$out"
}
check "the relay comes up" comes_up
check "a burst went through" grep -Eq "^ok +ChannelData +([0-9]+) sent, \1 arrived, \1 came back" "$out"

# The command that is printed, as it stands.
command_works() {
	local command

	command=$(sed -n "s/^ *\(.*turnpike-probe 'turn:.*\)/\1/p" "$out" | head -n 1)
	echo "$command"
	[ -n "$command" ] || return 1
	if [ ${#network[@]} -gt 0 ]; then
		nsenter --preserve-credentials -U -n -t "$demo_pid" bash -c "$command"
	else
		bash -c "$command"
	fi
}
check "the command it tells works" command_works

daemon_of_demo=$(pgrep -f "^$work/build/turnpike" | head -n 1 || true)
ends() {
	local status=0

	kill -TERM "$demo_pid"
	wait "$demo_pid" || status=$?
	echo "exit status $status"
	[ $status = 0 ] && ! alive "${daemon_of_demo:-0}"
}
check "its daemon runs" test -n "$daemon_of_demo"
check "it ends, and its daemon with it" ends

finish
