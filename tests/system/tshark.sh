#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wireshark's dissectors read every message that the daemon sends: none is malformed, none
# draws an error, every FINGERPRINT is right, every MESSAGE-INTEGRITY of its length, and
# every kind of message was there.
#
# All happens in a network namespace of its own, so ports are the protocol's.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/networks.sh"

if ! command -v tshark >/dev/null; then
	echo "skipped: needs tshark"
	exit 0
fi
make_network space
# A train of datagrams in one piece is no packet: let it be cut before it is captured.
enter "$space" ip link set lo up gso_max_segs 1

in_space() {
	enter "$space" "$@"
}

daemon_binary=$work/turnpike
inside_of "$space" "$daemon_binary"
make_certs
printf '%s plain:%s\nbob plain:builder\n' "$user" "$password" >"$work/users"
printf 'north A256GCM %s\n' "$(printf %s 01234567890123456789012345678901 | base64 -w0)" \
	>"$work/keys"
chmod 600 "$work/users" "$work/keys"

# --- the capture ------------------------------------------------------------------

capture=$work/capture.pcapng

begin_capture() {
	nsenter --net="/proc/$space/ns/net" dumpcap -q -i lo -w "$capture" 2>"$work/dumpcap.log" &
	dumpcap_pid=$!
	pids+=("$dumpcap_pid")
	within 20 grep -q "^File:" "$work/dumpcap.log"
}

# What is sent to port 9 last is there when all before it is.
flushed() {
	in_space bash -c 'echo last >/dev/udp/127.0.0.1/9' 2>/dev/null
	[ -n "$(tshark -r "$capture" -Y 'udp.dstport == 9 && frame contains "last"' 2>/dev/null)" ]
}

end_capture() {
	within 20 flushed
	kill -TERM "$dumpcap_pid"
	wait "$dumpcap_pid" || true
}

# --- the daemons -------------------------------------------------------------------

head_of() {
	cat <<-END
	[turnpike]
	realm = $realm
	plugin_dir = $build/plugins
	control = $work/turnpike.conf.sock
	workers = 2
	END
}

rest_of() {
	cat <<-END
	[listener.main]
	transport = udp tcp
	address = 127.0.0.1:3478 [::1]:3478

	[listener.nat]
	transport = udp
	address = 127.0.0.1:3480
	alternate_address = 127.0.0.2:3481

	[listener.nat_tcp]
	transport = tcp
	address = 127.0.0.1:3480
	alternate_address = 127.0.0.2:3481

	[listener.secure]
	transport = tls dtls
	address = 127.0.0.1:5349
	certificate = $work/cert.pem
	key = $work/key.pem

	[peers]
	lift = loopback

	[plugin.auth_file]
	users = $work/users
	END
}

sends_all_of() {
	in_space env CA="$work/ca.pem" \
		timeout 60 "$root/tests/system/every_message.py" "$1"
}

# Two of coturn's clients; its channels are brought into the range of RFC 8656.
cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
uclient() {
	in_space env LD_PRELOAD="$work/low_channels.so" timeout 60 turnutils_uclient "$@" -y -c \
		-u "$user" -w "$password" -n 5 -m 1 127.0.0.1
}

begin_capture || {
	cat "$work/dumpcap.log"
	exit 1
}
{
	head_of
	printf 'plugins = auth_file\n[auth]\nuserhash = yes\n'
	printf '[relay]\naddress = 127.0.0.1 ::1\nicmp = yes\ntcp = yes\nmobility = yes\n'
	printf '[limits]\nmax_permissions = 8\nmax_channels = 4\n'
	printf 'max_data_connections = 2\n'
	rest_of
} >"$work/turnpike.conf"
start_daemon "$work/turnpike.conf"
check "every message" sends_all_of plain
check "coturn's client over UDP" uclient
check "coturn's client over TCP" uclient -t
check "coturn's NAT discovery" in_space timeout 60 turnutils_natdiscovery -m -f -p 3480 \
	127.0.0.1
check "turnpike-probe" in_space timeout 60 "$probe" "turn:127.0.0.1" -u "$user" -p "$password"
check "turnpike-probe over TCP and IPv6" in_space timeout 60 "$probe" \
	"turn:[::1]?transport=tcp" -u "$user" -p "$password"
stop_daemon

{
	head_of
	printf 'plugins = auth_file\n'
	printf '[relay]\naddress = 127.0.0.1\n[limits]\nmax_allocations_per_user = 1\n'
	rest_of
} >"$work/turnpike.conf"
start_daemon "$work/turnpike.conf"
check "what little there is" sends_all_of narrow
stop_daemon

{
	head_of
	printf 'plugins = auth_oauth auth_file\n'
	printf 'alternate_servers = 192.0.2.10:3478 [2001:db8::10]:3478\nalternate_domain = turn2.example.org\n'
	printf '[relay]\naddress = 127.0.0.1\n'
	rest_of
	printf '[plugin.auth_oauth]\nkeys_file = %s\nserver_name = %s\n' "$work/keys" "$realm"
} >"$work/turnpike.conf"
start_daemon "$work/turnpike.conf"
check "elsewhere" sends_all_of redirected
stop_daemon
check "what no daemon sends" sends_all_of broken
end_capture

# --- what tshark says ----------------------------------------------------------------

# Wireshark 4.0 looks for no STUN inside TLS: what came there is in datagrams from port 3479.
ours='(udp.srcport in {3478,3479,3480,3481} || tcp.srcport in {3478,3480,3481})'

# reading FILTER ARGS...
reading() {
	local filter=$1

	shift
	tshark -r "$capture" -d udp.port==3479,stun -d udp.port==3480,stun \
		-d udp.port==3481,stun -d udp.port==3482,stun -d tcp.port==3480,stun \
		-d tcp.port==3481,stun -Y "$ours && ($filter)" "$@" \
		2>"$work/tshark.log" || {
		cat "$work/tshark.log" >&2
		return 1
	}
}

# none FILTER: no frame is like that.
none() {
	reading "$1" >"$work/frames" || return 1
	[ ! -s "$work/frames" ] || {
		head -n 20 "$work/frames"
		return 1
	}
}

# faults: what the dissectors complain of. Some faults of STUN are words among the fields, and
# attributes they do not know have numbers for names.
faults() {
	reading '_ws.malformed || _ws.expert.severity >= 6291456' -T fields -e frame.number \
		-e _ws.expert.message || return 1
	reading stun -O stun | grep -E 'bogus|[Mm]alformed|Attribute Type: Unknown'
	return 0
}

# would_notice FILTER: of what is broken.
would_notice() {
	[ -n "$(ours='udp.srcport == 3482' reading "$1")" ]
}

would_complain() {
	[ -n "$(ours='udp.srcport == 3482' faults)" ]
}

no_complaint() {
	faults >"$work/faults" || return 1
	head -n 20 "$work/faults"
	[ ! -s "$work/faults" ]
}
check "what is malformed would be noticed" would_complain
check "a wrong FINGERPRINT would be noticed" would_notice 'stun.att.crc32.status != 1'
check "none is malformed and none draws a warning" no_complaint
check "all from our ports is STUN" none 'udp && !stun && !icmp'

# A frame may have several messages; each has its values between commas.
values() {
	reading "$@" | tr ',' '\n'
}

fingerprints() {
	values 'stun.att.crc32' -T fields -e stun.att.crc32.status | sort | uniq -c
	[ -n "$(values 'stun.att.crc32.status == 1' -T fields -e stun.att.crc32)" ] &&
		none 'stun.att.crc32.status != 1'
}
check "every FINGERPRINT is right" fingerprints

# Types and lengths of attributes, in pairs.
integrity_lengths() {
	reading 'stun.att.type' -T fields -e stun.att.type -e stun.att.length | awk '
	{
		count = split($1, type, ",")
		split($2, size, ",")
		for (i = 1; i <= count; i++) {
			if (type[i] == "0x0008" || type[i] == "0x001c") {
				seen[type[i], size[i]]++
			}
		}
	}
	END {
		for (pair in seen) {
			split(pair, part, SUBSEP)
			print part[1], part[2]
		}
	}' | sort >"$work/lengths"
	cat "$work/lengths"
	printf '0x0008 20\n0x001c 32\n' | cmp - "$work/lengths"
}
check "integrity is of 20 or 32 bytes" integrity_lengths

# Type and, of an error, code; class times 100 and number.
kinds() {
	reading 'stun.type' -T fields -e stun.type -e stun.att.error.class -e stun.att.error \
		-E 'separator=;' | awk -F ';' '
	{
		count = split($1, type, ",")
		split($2, class, ",")
		split($3, number, ",")
		error = 0
		for (i = 1; i <= count; i++) {
			code = ""
			if (and(strtonum(type[i]), 0x110) == 0x110) {
				error++
				code = sprintf(" %d%02d", class[error], number[error])
			}
			print type[i] code
		}
	}' | sort -u
}

cat >"$work/expected" <<'END'
0x0017
0x001c
0x0101
0x0103
0x0104
0x0108
0x0109
0x010a
0x010b
0x0111 400
0x0111 420
0x0113 300
0x0113 400
0x0113 401
0x0113 405
0x0113 420
0x0113 437
0x0113 438
0x0113 440
0x0113 442
0x0113 486
0x0113 508
0x0114 400
0x0114 405
0x0114 437
0x0114 441
0x0114 443
0x0118 400
0x0118 403
0x0118 437
0x0118 441
0x0118 443
0x0118 508
0x0119 400
0x0119 403
0x0119 437
0x0119 441
0x0119 443
0x0119 508
0x011a 400
0x011a 403
0x011a 437
0x011a 441
0x011a 443
0x011a 446
0x011a 447
0x011a 508
0x011b 400
0x011b 437
END

all_kinds() {
	kinds >"$work/kinds"
	diff "$work/expected" "$work/kinds"
}
check "every kind of message was sent" all_kinds

# name TYPE: an attribute that is sent
attributes() {
	values 'stun.att.type' -T fields -e stun.att.type | sort -u
}

cat >"$work/expected_attributes" <<'END'
0x0001
0x0008
0x0009
0x000a
0x000d
0x0012
0x0013
0x0014
0x0015
0x0016
0x001c
0x0020
0x0022
0x0026
0x002a
0x8001
0x8002
0x8003
0x8004
0x8022
0x8023
0x8025
0x8028
0x802b
0x802c
0x802e
0x8030
END

all_attributes() {
	attributes >"$work/attributes"
	diff "$work/expected_attributes" "$work/attributes"
}
check "every attribute was sent" all_attributes

channel_data() {
	[ -n "$(reading 'udp && stun.channel')" ] && [ -n "$(reading 'tcp && stun.channel')" ]
}
check "ChannelData was sent over UDP and TCP" channel_data
other_address() {
	[ -n "$(reading 'udp.srcport == 3480 && stun.att.type == 0x802c')" ] &&
		[ -n "$(reading 'tcp.srcport == 3481 && stun.att.type == 0x802c')" ]
}
check "OTHER-ADDRESS was sent over UDP and TCP" other_address
both_families() {
	[ -n "$(reading 'ip && stun')" ] && [ -n "$(reading 'ipv6 && stun')" ] &&
		[ -n "$(reading 'udp.srcport == 3479 && stun')" ]
}
check "over IPv4, IPv6 and TLS" both_families
finish
