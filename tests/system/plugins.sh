#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shipped plugins in a real daemon: what each of their manuals promises.

. "$(dirname "$0")/lib.sh"

make_certs
config=$work/turnpike.conf
events=$work/events.json
old_secret='north of here'
new_secret='east#of;here'

printf '# newest first\n%s\n%s\n' "$new_secret" "$old_secret" >"$work/secrets"
chmod 600 "$work/secrets"
write_config "$config" "plugins = ip_filter event_log auth_file auth_secret" <<-END
	[auth]
	userhash = no

	[plugin.auth_secret]
	secret_file = $work/secrets

	[plugin.event_log]
	log_file = $events

	[plugin.ip_filter]
	client_deny = 127.0.0.2
	client_deny_file = $work/blocked
	END
sed -i "s|^users = .*|&\nreload_interval = 1s|" "$config"
echo '127.0.0.3   # noticed on Monday' >"$work/blocked"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)
server=turn:127.0.0.1:$udp
probe_as() {
	run_probe "$server" --timeout 2 --count 5 "$@"
}

# --- manuals ----------------------------------------------------------------------

# documented PLUGIN: the manual has each option with its type, range and default, the
# example section has each option.
documented() {
	local name type page=$root/man/turnpike-$1.5 example=$root/etc/conf.d/$1.conf

	"$turnpike" -c "$config" --plugin-help "$1" |
		awk '/^options:/ { on = 1; next } !on { next }
			/^[a-z]/ { name = $0; next } { last = $0 }
			{ sub(/^\t/, "", last); if (last ~ /reloadable|restart/) print name "\t" last }' \
		>"$work/options"
	[ -s "$work/options" ] || return 1
	while IFS='	' read -r name type; do
		echo "$name [$type]"
		grep -A1 -Fx ".It Sy $name" "$page" | grep -Fx ".Bq $type" || return 1
		grep -Eq "^#?$name = " "$example" || return 1
	done <"$work/options"
}
for plugin in auth_file auth_jwt auth_rest auth_secret event_log geoip ip_filter quota tap webhook; do
	[ -f "$build/plugins/$plugin.so" ] || continue # a library is missing
	check "turnpike-$plugin(5) and its example have all options" documented $plugin
done

# --- auth_file --------------------------------------------------------------------

check "a user of the file gets in" probe_as -u "$user" -p "$password"
check "with a SHA-256 key as well" probe_as -u "$user" -p "$password" --sha256
check "a wrong password does not" exits 1 probe_as -u "$user" -p wrong
check "nor somebody else" exits 1 probe_as -u bob -p other

md5=$(printf %s "bob:$realm:other" | md5sum)
sha256=$(printf %s "bob:$realm:other" | sha256sum)
printf '%s plain:%s\nbob md5:%s sha256:%s\n' "$user" "$password" "${md5%% *}" "${sha256%% *}" \
	>"$work/users"
check "who is added gets in without a restart" within 10 probe_as -u bob -p other
printf '%s plain:%s\n' "$user" "$password" >"$work/users"
gone() {
	! probe_as -u bob -p other
}
check "who is taken out does not" within 10 gone
echo 'carol:secret' >>"$work/users"
check "a mistake is named with its line" within 10 grep -q "$work/users:2: " "$daemon_log"
check "and changes nothing" probe_as -u "$user" -p "$password"

# --- auth_secret ------------------------------------------------------------------

check "a name made of the new secret gets in" probe_as --secret "$new_secret"
check "one made of the old secret, too" probe_as --secret "$old_secret"
check "one made of another does not" exits 1 probe_as --secret other

# rest NAME: the probe with the password a service makes for it
rest() {
	probe_as -u "$1" -p "$(printf %s "$1" |
		openssl dgst -sha1 -hmac "$old_secret" -binary | base64)"
}
now=$(date +%s)
check "the time may stand first" rest "$((now + 100)):alice"
check "or last" rest "alice:$((now + 100))"
check "or alone" rest "$((now + 100))"
check "when it is over, nobody gets in" exits 1 rest "$((now - 1)):alice"

# coturn's client makes its name and password of the secret itself.
uclient() {
	timeout 20 turnutils_uclient -W "$new_secret" -u alice -p "$udp" -e 127.0.0.1 -r 9 -c -n 1 \
		-y 127.0.0.1 | tee "$work/uclient.log" && ! grep -q ERROR "$work/uclient.log"
}
check "coturn's client gets in with a secret" uclient

# --- ip_filter --------------------------------------------------------------------

# The same client from another address of the loopback network.
from() {
	timeout 20 turnutils_uclient -L "$1" -u "$user" -w "$password" -p "$udp" -e 127.0.0.1 -r 9 \
		-c -n 1 -y 127.0.0.1 >"$work/from.log" 2>&1
	cat "$work/from.log"
	grep -q "403" "$work/from.log"
}
check "a client on the list is refused" from 127.0.0.2
check "so is one in the file" from 127.0.0.3

# --- event_log --------------------------------------------------------------------

lines_are_json() {
	/usr/bin/python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
ids = {}
for line in lines:
    if line["event"] == "on_turn_create_allocation":
        ids[line["id"]] = line["user"]
    if line["event"] == "on_turn_delete_allocation":
        assert ids.pop(line["id"]) == line["user"]
        assert line["cause"] == "refresh" or line["client"].startswith("127.0.0.1:")
codes = {line["code"] for line in lines if line["event"] == "on_stun_request_error"}
print(len(lines), codes, ids)
assert {401, 403} <= codes
assert any(line.get("claimed_user") == "bob" for line in lines)
' "$events"
}
check "each line is an object, each allocation has two" within 10 lines_are_json
check "no line holds a password" sh -c "! grep -q -e $password -e secret '$events'"
mv "$events" "$events.1"
check "after the file was moved" probe_as -u "$user" -p "$password"
check "lines go to a new one" within 5 grep -q on_turn_delete_allocation "$events"

check "the daemon ends well" stop_daemon
finish
