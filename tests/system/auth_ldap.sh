#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Users from a directory: slapd, with data and certificates of its own, as it
# should be and as it should not.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/backend.bash"

if [ ! -f "$build/plugins/auth_ldap.so" ] || ! command -v slapd >/dev/null; then
	echo "auth_ldap is not built, or there is no slapd"
	finish
	exit
fi

suffix=dc=example,dc=org
admin=cn=admin,$suffix
service=cn=relay,$suffix
service_password='ser*vice()\'

# --- the directory ----------------------------------------------------------------------

md5_key() {
	printf '%s' "$1:$realm:$2" | md5sum | cut -d' ' -f1
}

sha256_key() {
	printf '%s' "$1:$realm:$2" | sha256sum | cut -d' ' -f1 | tr a-f A-F
}

userhash() {
	printf '%s' "$1:$realm" | sha256sum | cut -d' ' -f1
}

base64_of() {
	printf '%s' "$1" | base64 -w0
}

# person NAME ATTRIBUTE-LINES...: an entry as LDIF, under a number of its own
people=0
person() {
	people=$((people + 1))
	printf 'dn: cn=%s,ou=people,%s\n' "$people" "$suffix"
	printf 'objectClass: inetOrgPerson\nobjectClass: relayUser\n'
	printf 'cn: %s\nsn: x\nuid:: %s\n' "$people" "$(base64_of "$1")"
	shift
	printf '%s\n' "$@" ''
}

with_password() {
	person "$1" "userPassword:: $(base64_of "$2")"
}

entries() {
	cat <<-END
	dn: $suffix
	objectClass: dcObject
	objectClass: organization
	dc: example
	o: example

	dn: ou=people,$suffix
	objectClass: organizationalUnit
	ou: people

	dn: $service
	objectClass: organizationalRole
	objectClass: simpleSecurityObject
	cn: relay
	userPassword:: $(base64_of "$service_password")

	END
	with_password "$user" "$password"
	person md5 "relayKeyMD5: $(md5_key md5 "$password")"
	person sha256 "relayKeySHA256: $(sha256_key sha256 "$password")"
	person hashed "userPassword: {SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3"
	person nothing
	person badkey 'relayKeyMD5: 0123'
	person one "userPassword: $password" 'relayAllocations: 1' 'relayBandwidth: 64000' \
		'relayLifetime: 300'
	person badlimit "userPassword: $password" 'relayAllocations: many'
	person ended "userPassword: $password" 'relayExpiry: 20200101000000Z'
	person lasts "userPassword: $password" 'relayExpiry: 20991231235959Z'
	person member "userPassword: $password" 'ou: CN=Callers, DC=example,DC=org'
	person hash "userPassword: $password" "relayUserHash: $(userhash hash)"
	with_password 'st*r(s)\and|so&on!' "$password"
	with_password 'ünï %u' "$password"
	person twice "userPassword: $password"
	person twice "userPassword: $password"
	person changed 'userPassword: before' 'userPassword: after'
	for ((i = 0; i < 20; i++)); do
		with_password "new$i" "$password"
		with_password "new${i}more" "$password"
	done
	for ((i = 0; i < 200; i++)); do
		with_password "user$i" "$password"
	done
}

configuration() {
	cat <<-END
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/inetorgperson.schema
	include $work/relay.schema
	modulepath /usr/lib/ldap
	moduleload back_mdb
	pidfile $work/slapd.pid
	TLSCACertificateFile $work/ca.pem
	TLSCertificateFile $work/slapd-cert.pem
	TLSCertificateKeyFile $work/slapd-key.pem
	loglevel none
	database mdb
	maxsize 67108864
	suffix $suffix
	rootdn $admin
	rootpw root
	directory $work/ldap
	dbnosync
	index uid,relayUserHash eq
	access to attrs=userPassword by dn.exact="$service" read by anonymous auth
	access to * by dn.exact="$service" read
	END
}

# The schema of the manual, as it stands there.
schema() {
	sed -n '/^attributetype/,/^\.Ed/p' "$root/man/turnpike-auth_ldap.5" | sed '/^\.Ed/d'
}

answers() {
	ldapwhoami -x -H "ldap://$backend_address:$slapd_port" >/dev/null 2>&1
}

start_slapd() {
	slapd -f "$work/slapd.conf" -d 0 \
		-h "ldap://$backend_address:$slapd_port ldaps://$backend_address:$slapd_tls_port" \
		>>"$work/slapd.log" 2>&1 &
	slapd_pid=$!
	pids+=("$slapd_pid")
	within 10 answers
}

set_password() {
	ldappasswd -x -H "ldap://$backend_address:$slapd_port" -D "$admin" -w root -s "$2" "$1"
}

# certificate DAYS: for slapd, from now on or until some time ago
certificate() {
	local days=$1

	(
		cd "$work"
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
			-keyout slapd-key.pem -out slapd.csr
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2\n' >slapd.ext
		: >index.txt
		cat >ca.conf <<-END
		[ca]
		default_ca = own
		[own]
		database = $work/index.txt
		new_certs_dir = $work
		rand_serial = yes
		default_md = sha256
		policy = any
		[any]
		commonName = supplied
		END
		case $days in
		-*)
			openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key \
				-in slapd.csr -extfile slapd.ext -out slapd-cert.pem -notext \
				-startdate 20200101000000Z -enddate 20200201000000Z
			;;
		*)
			openssl x509 -req -in slapd.csr -CA ca.pem -CAkey ca.key \
				-CAcreateserial -days "$days" -extfile slapd.ext -out slapd-cert.pem
			;;
		esac
	) >"$work/openssl.log" 2>&1 || {
		cat "$work/openssl.log"
		return 1
	}
}

make_certs
certificate 2
mkdir "$work/ldap"
schema >"$work/relay.schema"
configuration >"$work/slapd.conf"
entries >"$work/entries.ldif"
slapd_port=$(free_port)
slapd_tls_port=$(free_port)
check "slapd takes the schema of the manual and our entries" \
	slapadd -q -f "$work/slapd.conf" -l "$work/entries.ldif"
check "slapd starts" start_slapd

# --- the daemon ---------------------------------------------------------------------------

printf '%s\n' "$service_password" >"$work/bind_password"
chmod 600 "$work/bind_password"

# start_ldap NAME LINES...: a daemon with these lines in its section besides the usual
workers=2
start_ldap() {
	local config=$work/$1.conf

	shift
	write_config "$config" "plugins = auth_ldap
	workers = $workers" <<-END
	[auth]
	unauthenticated_rate = 0
	$auth

	[plugin.auth_ldap]
	bind_dn = $service
	bind_password_file = $work/bind_password
	base = ou=people,$suffix
	password_attribute = userPassword
	md5_attribute = relayKeyMD5
	sha256_attribute = relayKeySHA256
	allocations_attribute = relayAllocations
	bandwidth_attribute = relayBandwidth
	lifetime_attribute = relayLifetime
	expiry_attribute = relayExpiry
	$(printf '%s\n' "$@")
	END
	start_daemon "$config"
}

auth="userhash = no"

plain="uris = ldap://$backend_address:$slapd_port"

probe_as() {
	run_probe "turn:127.0.0.1:$(port_of udp 127.0.0.1)" --timeout 3 --count 5 "$@"
}

counter() {
	ctl counters | awk -v name="plugin.auth_ldap.$1" '$1 == name { print $2 }'
}

cc -D_GNU_SOURCE -shared -fPIC -o "$work/low_channels.so" "$root/tests/system/low_channels.c"
uclient() {
	LD_PRELOAD=$work/low_channels.so timeout 20 turnutils_uclient -u "$user" -w "$1" \
		-p "$(port_of udp 127.0.0.1)" -e 127.0.0.1 -r 9 -c -n 1 -y 127.0.0.1 |
		tee "$work/uclient.log"
	grep -q "Total lost packets 0 (0.000000%)" "$work/uclient.log" &&
		grep -Eq "start_mclient: tot_send_msgs=([1-9][0-9]*), tot_recv_msgs=\1\$" \
			"$work/uclient.log"
}

# --- who gets in ----------------------------------------------------------------------------

start_ldap plain "$plain"
check "a password" probe_as -u "$user" -p "$password"
check "a password, with SHA-256" probe_as -u "$user" -p "$password" --sha256
check "an MD5 key" logs_in md5 "$password"
check "a SHA-256 key" probe_as -u sha256 -p "$password" --sha256
check "not with MD5 then" refused_with 401 sha256 "$password"
check "either of two passwords" logs_in changed before
check "the other of two passwords" logs_in changed after
check "not with a wrong password" refused_with 401 "$user" wrong
check "not an unknown user" refused_with 401 nobody "$password"
check "a name full of filter" logs_in 'st*r(s)\and|so&on!' "$password"
check "a name in UTF-8, with a field" logs_in 'ünï %u' "$password"
check "not a pattern" refused_with 401 'al*' "$password"
check "not a filter" refused_with 401 "*)(uid=$user" "$password"
check "not in other case" refused_with 401 ALICE "$password"
check "hostile names" hostile_names
check "not with a hashed password" refused_with 500 hashed '{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3'
check "not without one" refused_with 500 nothing ''
check "a key that is none is 500" refused_with 500 badkey "$password"
check "a limit that is none is 500" refused_with 500 badlimit "$password"
check "two entries are 500" refused_with 500 twice "$password"
check "not after the end" refused_with 401 ended "$password"
check "before the end" logs_in lasts "$password"
check "coturn's client" uclient "$password"
check "peers may be reached" answered "200:1" 5000 --users "$user" --password "$password" \
	--peer 127.0.0.9
check "the directory may not" answered "403:1" 5000 --users "$user" --password "$password" \
	--peer "$backend_address"

one_allocation() {
	timeout 20 "$probe" load --allocations 2 --seconds 1 --json -u one -p "$password" \
		"turn:127.0.0.1:$(port_of udp 127.0.0.1)" >"$work/load.json" 2>&1
	cat "$work/load.json"
	grep -q 486 "$work/load.json" || grep -q '"failed": 1' "$work/load.json"
}
check "a user's limit" one_allocation
stop_daemon

# --- groups, hashes ---------------------------------------------------------------------------

start_ldap group "$plain" "group_attribute = ou" "group = cn=callers,dc=example,dc=org"
check "who is in the group" logs_in member "$password"
check "not who is not" refused_with 401 "$user" "$password"
stop_daemon

start_ldap group_filter "$plain" "group_filter = (ou=CN=Callers, DC=example,DC=org)"
check "who passes the group's filter" logs_in member "$password"
check "not who does not" refused_with 401 "$user" "$password"
stop_daemon

start_ldap filter "$plain" "filter = (&(objectClass=inetOrgPerson)(uid=%u))"
check "a filter of one's own" logs_in "$user" "$password"
check "escapes, too" refused_with 401 "*)(uid=$user" "$password"
stop_daemon

auth="userhash = yes"
start_ldap hash "$plain" "hash_filter = (relayUserHash=%h)"
check "a hash" probe_as -u hash -p "$password" --sha256
stop_daemon
auth="userhash = no"

# --- TLS ----------------------------------------------------------------------------------------

start_ldap ldaps "uris = ldaps://$backend_address:$slapd_tls_port" "ca_file = $work/ca.pem"
check "ldaps" logs_in "$user" "$password"
stop_daemon

start_ldap starttls "$plain" "starttls = yes" "ca_file = $work/ca.pem"
check "StartTLS" logs_in "$user" "$password"
stop_daemon

start_ldap untrusted "uris = ldaps://$backend_address:$slapd_tls_port"
check "a certificate of nobody we know" refused_with 500 "$user" "$password"
stop_daemon

start_ldap failover "uris = ldap://127.0.0.1:1 ldap://$backend_address:$slapd_port"
check "the second server" logs_in "$user" "$password"
stop_daemon

stop "$slapd_pid"
certificate -1
check "slapd starts with an expired certificate" start_slapd
start_ldap expired "uris = ldaps://$backend_address:$slapd_tls_port" "ca_file = $work/ca.pem"
check "an expired certificate" refused_with 500 "$user" "$password" 2500
stop "$slapd_pid"
certificate 2
check "slapd starts with a good one" start_slapd
check "is over within two seconds" within 2 logs_in "$user" "$password"
stop_daemon

# --- what it costs --------------------------------------------------------------------------------

workers=1
start_ldap cost "$plain"
median() {
	sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p' "$work/logins.json"
}
check "two hundred users" answered "200:200" 5000 --users user%d --password "$password" \
	--logins 200 --clients 1
cold=$(median)
check "once more" answered "200:200" 5000 --users user%d --password "$password" --logins 200 \
	--clients 1
echo "          an Allocate takes $cold ms cold, $(median) ms cached (median of 200)"
check "one user from a thousand clients" one_user_from_everywhere new19
asked_once() {
	echo "asked $(counter asked)"
	[ "$(counter asked)" -le 202 ]
}
check "is one question" asked_once
# With a sanitizer what is freed stays for a while.
! grep -q "__asan_init\|__tsan_init" "$turnpike" || MEMORY_KB=1048576
check "ten thousand unknown users" unknown_users
stop_daemon
workers=2

# --- bad days ---------------------------------------------------------------------------------------

start_unreliable "$backend_address:$slapd_port"
start_ldap slow "uris = ldap://$backend_address:$backend_port"
check "the user is known" everywhere "$user"
check "0.1 s" eval 'behave delay 0.1 && everywhere user100'
check "1 s: entry and result take two" eval 'behave delay 1 && logs_in user101 "$password"'
stop_daemon
behave pass

start_ldap bad "uris = ldap://$backend_address:$backend_port" "deadline = 2s"
check "the user is known" everywhere "$user"
start_relaying 60
check "10 s" bad_day delay 10
check "silence" bad_day hang
check "ends in mid-answer" bad_day cut
check "garbage" bad_day garbage
check "down" bad_day down
check "no packet was lost" relayed_all

changed_password() {
	set_password "$service" other && stop "$slapd_pid" && start_slapd && sleep 1 &&
		refused_with 500 user102 "$password" 2500 && everywhere "$user"
}
check "the service's password is changed" changed_password
new_password() {
	printf 'other\n' >"$work/bind_password.new"
	chmod 600 "$work/bind_password.new"
	mv "$work/bind_password.new" "$work/bind_password"
	within 2 logs_in user103 "$password" 3000
}
check "the file follows: well within two seconds" new_password

killed() {
	stop "$slapd_pid"
	everywhere "$user" && refused_with 500 user104 "$password" 2500
}
check "slapd is stopped" killed
restarted() {
	start_slapd && within 2 logs_in user105 "$password" 3000
}
check "and started: well within two seconds" restarted
no_secrets() {
	! grep -F -e "$password" -e "$service_password" "$work"/*.conf.log
}
check "no secret is in a log" no_secrets
stop_daemon

finish
