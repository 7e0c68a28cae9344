#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Realms by listener and by the name in TLS: each with users, peers, quotas and plugins of its own.

. "$(dirname "$0")/lib.sh"

make_certs "DNS:localhost,IP:127.0.0.1,DNS:turn.video.example.org,DNS:a.video.example.net,DNS:turn.example.org"
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
export CA=$work/ca.pem
config=$work/turnpike.conf

printf 'alice plain:other\nbob plain:builder\n' >"$work/video"
printf 'carol plain:painter\n' >"$work/video2"
printf 'alice plain:third\n' >"$work/staff"
chmod 600 "$work/video" "$work/video2" "$work/staff"

# realms VIDEO-PLUGINS VIDEO-NAMES STAFF-LINES
realms() {
	write_config "$config" <<-END
	[realm.video]
	realm = video.example.org
	server_names = $2
	plugins = $1
	lift = loopback
	deny = 127.0.0.3

	[realm.staff]
	plugins = auth_staff
	$3

	[listener.staff]
	transport = udp
	address = 127.0.0.1:0
	realm = staff

	[plugin.auth_video]
	file = auth_file
	users = $work/video

	[plugin.auth_video2]
	file = auth_file
	users = $work/video2

	[plugin.auth_staff]
	file = auth_file
	users = $work/staff
	END
	sed -i 's/^\[plugin.auth_file\]/deny = 127.0.0.2\n\n&/' "$config"
}
video_names="turn.video.example.org *.video.example.net"
realms auth_video "$video_names" "max_allocations_per_user = 1"
start_daemon "$config"
tls=$(port_of tls 127.0.0.1)
dtls=$(port_of dtls 127.0.0.1)

# udp_of SECTION: the port of its UDP listener on 127.0.0.1.
udp_of() {
	ctl status | awk -v section="$1" \
		'$1 == section && $2 == "udp" && sub(/^127.0.0.1:/, "", $3) { print $3 }'
}
udp=$(udp_of listener.plain)
staff=$(udp_of listener.staff)

# client WANTED-LINES ARGS...: the client prints these lines, separated by commas.
client() {
	local wanted=$1 got

	shift
	got=$(timeout 30 /usr/bin/python3 "$root/tests/system/realms_client.py" "$@" </dev/null |
		paste -sd,)
	echo "$got"
	[ "$got" = "$wanted" ]
}

# --- by listener ------------------------------------------------------------------

check "the first realm knows its user" \
	client "realm $realm,allocate 0" udp "$udp" alice wonderland
check "the other listener has another realm, with the same name for another user" \
	client "realm staff,allocate 0" udp "$staff" alice third
check "the first realm's password is none there" \
	client "realm staff,allocate 401" udp "$staff" alice wonderland
check "nor that of the other here" \
	client "realm $realm,allocate 401" udp "$udp" alice third

# --- by name ----------------------------------------------------------------------

check "a name that is nobody's has the listener's realm" \
	client "realm $realm,allocate 0" turn.example.org "$tls" alice wonderland
check "a name of a realm" \
	client "realm video.example.org,allocate 0" turn.video.example.org "$tls" bob builder
check "a name below a realm's domain" \
	client "realm video.example.org,allocate 0" a.video.example.net "$tls" bob builder
check "the first realm's user is unknown there" \
	client "realm video.example.org,allocate 401" turn.video.example.org "$tls" alice wonderland
check "its user is unknown in the first realm" \
	client "realm $realm,allocate 401" turn.example.org "$tls" bob builder

named_probe() {
	run_probe --timeout 3 --count 20 --ca "$work/ca.pem" "$@"
}
for to in "turns:127.0.0.1:$tls" "turns:127.0.0.1:$dtls?transport=udp"; do
	check "media by name, $to" named_probe "$to" --server-name turn.video.example.org \
		-u bob -p builder
	check "media without one, $to" named_probe "$to" -u alice -p wonderland
	check "user of one realm in the other, $to" exits 1 named_probe "$to" \
		--server-name turn.video.example.org -u alice -p wonderland
	check "and the other way round, $to" exits 1 named_probe "$to" -u bob -p builder
done

# --- peers and quotas -------------------------------------------------------------

check "peers of the first realm" \
	client "realm $realm,allocate 0,permit 127.0.0.2 403,permit 127.0.0.3 0" \
	udp "$udp" alice wonderland 127.0.0.2 127.0.0.3
check "peers of the realm with its own" \
	client "realm video.example.org,allocate 0,permit 127.0.0.2 0,permit 127.0.0.3 403" \
	turn.video.example.org "$tls" bob builder 127.0.0.2 127.0.0.3
check "a user of the other listener's realm has an allocation already" \
	client "realm staff,allocate 486" udp "$staff" alice third

# With peers as in the first realm, since it has no keys for them.
drop() {
	ctl kill --user alice --realm staff
	client "realm staff,allocate 0,permit 127.0.0.2 403,permit 127.0.0.3 0" \
		udp "$staff" alice third 127.0.0.2 127.0.0.3
}
check "one less, and there is room for another" drop
check "the limit is that realm's alone" named_probe "turn:127.0.0.1:$udp" -u alice -p wonderland

# --- what operators see -----------------------------------------------------------

# shows REGEX WORDS...
shows() {
	local regex=$1

	shift
	ctl "$@" >"$work/shown"
	cat "$work/shown"
	grep -Eq "$regex" "$work/shown"
}
check "sessions have their realm" shows "alice +staff +udp" sessions
check "status counts by realm" shows "^realm.staff +staff +1$" status
check "listeners have their realm" shows "^listener.staff +udp +127.0.0.1:$staff +staff$" status
check "plugins have their realms" shows "^auth_video .* video.example.org +/" plugins

# --- reload -----------------------------------------------------------------------

# One client relays in the first realm all the while.
coproc relaying {
	exec /usr/bin/python3 "$root/tests/system/realms_client.py" udp "$udp" alice wonderland \
		relay 2>"$work/relaying.log"
}
relaying_pid=$relaying_PID
pids+=("$relaying_pid")
exec {relaying_out}<&"${relaying[0]}" # the shell closes its own when the client ends
relaying_in=${relaying[1]}
for _ in realm allocate relaying; do
	read -r -t 20 -u "$relaying_out" line
done
[ "$line" = relaying ]

# swap VIDEO-PLUGINS VIDEO-NAMES: reload with these.
swap() {
	realms "$1" "$2" "max_allocations_per_user = 0
server_names = turn.example.org"
	ctl reload
}
check "a reload changes plugins, names and limits" swap "ip_filter auth_video2" \
	"*.video.example.net"
check "the new plugin's user is known" \
	client "realm video.example.org,allocate 0" a.video.example.net "$tls" carol painter
check "the old one's is not" \
	client "realm video.example.org,allocate 401" a.video.example.net "$tls" bob builder
check "a name that nobody has any more" \
	client "realm $realm,allocate 0" turn.video.example.org "$tls" alice wonderland
check "a name that another realm has got" \
	client "realm staff,allocate 0" turn.example.org "$tls" alice third
check "the limit is lifted" named_probe "turn:127.0.0.1:$staff" -u alice -p third
coturn_client() {
	LD_PRELOAD=$work/low_channels.so timeout 60 turnutils_uclient -u alice -w "$2" -y -n 20 \
		-l 170 -z 10 -p "$1" 127.0.0.1 >"$work/uclient.log" 2>&1
	tail -n 5 "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%), total send dropped 0" "$work/uclient.log"
}
check "coturn's client in that realm" coturn_client "$staff" third
check "coturn's client in the first" coturn_client "$udp" wonderland
check "plugins show it" shows "^auth_video2 .* video.example.org +/" plugins

comes() {
	swap auth_video "$video_names" && echo "[realm.more]" >>"$config" && exits 1 ctl reload
}
check "a realm does not come by a reload" comes
check "and all is as before" \
	client "realm video.example.org,allocate 0" turn.video.example.org "$tls" bob builder

has_relayed() {
	local line

	exec {relaying_in}>&-
	read -r -t 20 -u "$relaying_out" line
	echo "$line"
	cat "$work/relaying.log"
	[[ $line =~ ^relayed\ [1-9] ]]
}
check "media of the first realm has not noticed" has_relayed

# A mistake is named with its place.
misnamed() {
	sed -i 's/^realm = staff$/realm = stuff/' "$config"
	exits 1 "$turnpike" -t -c "$config" 2>&1 | tee "$work/shown"
	grep -q "\[listener.staff\] realm: there is no \[realm.stuff\]" "$work/shown"
}
check "a listener of no realm is refused" misnamed

stop_daemon
finish
