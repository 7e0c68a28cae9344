#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real browser that may only talk through the relay, with time-limited
# credentials made of a shared secret.

. "$(dirname "$0")/lib.sh"

make_certs
write_config "$work/turnpike.conf" "plugins = auth_secret" <<-END
[plugin.auth_secret]
secret = "$secret"
END
start_daemon "$work/turnpike.conf"

# Chromium's WebRTC believes the certificates of its user's NSS store.
trust() {
	mkdir -p "$1/.pki/nssdb" &&
		certutil -d "sql:$1/.pki/nssdb" -N --empty-password &&
		certutil -d "sql:$1/.pki/nssdb" -A -t C,, -n test -i "$work/ca.pem"
}
trust "$work/home"
mkdir "$work/stranger"

user_name=$(($(date +%s) + 3600)):alice
credential=$(printf %s "$user_name" | openssl dgst -sha1 -hmac "$secret" -binary | base64)

# browse HOME PROTOCOL URL MORE...
browse() {
	local home=$1 protocol=$2 url=$3

	shift 3
	mkdir -p "$work/profile"
	HOME=$home timeout -k 5 120 "$root/tests/system/browser.py" --url "$url" --protocol "$protocol" \
		--username "$user_name" --credential "$credential" \
		--profile "$(mktemp -d "$work/profile/XXXXXX")" "$@"
}

refused() {
	! browse "$@"
}

udp=$(port_of udp 127.0.0.1)
tcp=$(port_of tcp 127.0.0.1)
tls=$(port_of tls 127.0.0.1)
check "udp" browse "$work/home" udp "turn:127.0.0.1:$udp?transport=udp"
check "tcp" browse "$work/home" tcp "turn:127.0.0.1:$tcp?transport=tcp"
check "tls" browse "$work/home" tls "turns:localhost:$tls?transport=tcp"
udp6=$(port_of udp '[::1]')
check "udp, IPv6" browse "$work/home" udp "turn:[::1]:$udp6?transport=udp"
check "a browser that does not know the certificate stays away" refused "$work/stranger" tls \
	"turns:localhost:$tls?transport=tcp" --seconds 5
credential=$(printf %s "$credential" | rev)
check "a wrong password does not relay" refused "$work/home" udp \
	"turn:127.0.0.1:$udp?transport=udp" --seconds 5
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
