#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Serve etc/demo.conf from the build folder, relay a burst through it, tell how to
# try it, and stay until Ctrl-C.
#
#	etc/demo.sh [BUILD]

set -eu

build=$(cd "${1:-build}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
demo=$build/demo
url='turn:127.0.0.1:3478?transport=udp'
name=demo
password=demo
pid=

# Longer paths are none for a socket.
control=$demo/control.sock
[ ${#control} -le 107 ] || control=

stop() {
	trap '' INT TERM
	if [ -n "$pid" ]; then
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" || true
	fi
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

write_files() {
	mkdir -p "$demo"
	(umask 077 && printf '%s plain:%s\n' "$name" "$password" >"$demo/users")
	sed -e "s|@PLUGIN_DIR@|$build/plugins|" -e "s|@USERS@|$demo/users|" \
		-e "s|@CONTROL@|$control|" "$here/demo.conf" >"$demo/demo.conf"
}

# In a session of its own, so that Ctrl-C reaches this script only.
start() {
	: >"$demo/log"
	setsid "$build/turnpike" -c "$demo/demo.conf" 2>"$demo/log" &
	pid=$!
	until grep -qw ready "$demo/log"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			cat "$demo/log" >&2
			pid=
			exit 1
		fi
		sleep 0.1
	done
}

write_files
start
"$build/turnpike-probe" "$url" -u "$name" -p "$password"
cat <<END

The relay is up on 127.0.0.1:3478, UDP and TCP. Try it with

    url       $url
    name      $name
    password  $password

or again with

    $build/turnpike-probe '$url' -u $name -p $password

See who is there with

    $build/turnpikectl -s $control sessions

Its configuration is $demo/demo.conf. Ctrl-C ends it. Its log:

END
tail -n +1 -f --pid="$pid" "$demo/log" &
wait "$pid"
