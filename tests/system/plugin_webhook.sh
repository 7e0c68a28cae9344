#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# webhook in a real daemon, against a web server over TLS that is gone for a while.

. "$(dirname "$0")/lib.sh"

if [ ! -f "$build/plugins/webhook.so" ]; then
	echo "webhook is not built"
	finish
	exit 0
fi
make_certs
config=$work/turnpike.conf
received=$work/received

# start_server PORT: sets server_pid and server_port.
start_server() {
	rm -f "$work/server.port"
	/usr/bin/python3 "$root/tests/system/plugin_webhook.py" "$1" "$work/cert.pem" \
		"$work/key.pem" "north of here" "$received" >"$work/server.port" \
		2>"$work/server.log" &
	server_pid=$!
	pids+=("$server_pid")
	within 10 test -s "$work/server.port"
	server_port=$(cat "$work/server.port")
}

start_server 0
printf 'ticket\n' >"$work/token"
printf 'north of here\n' >"$work/secret"
chmod 600 "$work/token" "$work/secret"

# configured CA: which authority is trusted
configured() {
	write_config "$config" "plugins = webhook auth_file" <<-END
	[plugin.webhook]
	url = https://127.0.0.1:$server_port/hook
	events_sent = on_turn_create_allocation on_turn_delete_allocation on_turn_usage
	batch_time = 100ms
	backoff = 200ms
	backoff_max = 1s
	retries = 100
	token_file = $work/token
	secret_file = $work/secret
	$1
	END
}
configured "ca_file = $work/ca.pem"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)

probe_once() {
	run_probe "turn:127.0.0.1:$udp" --timeout 2 --count 5 -u "$user" -p "$password"
}

# So many allocations have begun and ended, in order, with what they relayed; batches
# come once.
told() {
	/usr/bin/python3 -c '
import json, sys
batches = [json.loads(line) for line in open(sys.argv[1])]
assert len({batch["batch"] for batch in batches}) == len(batches)
assert all(batch["dropped"] == 0 for batch in batches)
running, usage, ended = set(), {}, 0
for event in (event for batch in batches for event in batch["events"]):
    assert event["user"] == sys.argv[3]
    id = event["id"]
    if event["event"] == "on_turn_create_allocation":
        running.add(id)
    elif event["event"] == "on_turn_usage":
        usage[id] = usage.get(id, 0) + event["client_to_peer_bytes"]
    else:
        running.remove(id)
        assert event["client_to_peer_bytes"] == usage[id], (event, usage)
        ended += 1
print(len(batches), ended, running)
assert ended == int(sys.argv[2]) and not running
' "$received" "$1" "$user"
}
check "somebody relays" probe_once
check "the server is told of it, signed" within 10 told 2

stop "$server_pid"
check "somebody relays while the server is gone" probe_once
failing() {
	grep -q "events cannot be delivered" "$daemon_log"
}
check "the log says so" within 10 failing
check "and somebody else" probe_once
start_server "$server_port"
check "when it is back, it is told of all" within 10 told 6
check "the log says so, too" grep -q "events are delivered again" "$daemon_log"

stop "$server_pid"
check "somebody relays" probe_once
configured "ca_file = $work/ca.pem
batch = 50"
check "a reload in between" ctl reload
start_server "$server_port"
check "loses nothing" within 10 told 8

configured ""
check "a reload without the authority" ctl reload
check "somebody relays" probe_once
distrust() {
	grep -Eiq "events cannot be delivered: .*(certificate|peer)" "$daemon_log"
}
check "the server is not trusted" within 10 distrust
check "and told nothing" told 8
configured "ca_file = $work/ca.pem"
check "a reload with it" ctl reload
check "tells it" within 10 told 10

timeout 30 "$probe" load "turn:127.0.0.1:$udp" -u "$user" -p "$password" --allocations 200 \
	--rate 2000 --seconds 2 >"$work/load.log" 2>&1 || true
check "many are told of, too" within 20 told 210

check "no line of the log holds a secret" sh -c "! grep -qe 'north of' -e ticket '$daemon_log'"
stop_daemon
finish
