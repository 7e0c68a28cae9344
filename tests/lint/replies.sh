#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Responses are built in one place, core/turn/reply.c, so that each passes its
# gate, is signed and is counted.
#
#	tests/lint/replies.sh [--self-test]

. "$(dirname "$0")/lib.sh"

check() {
	find core/turn core/daemon core/io core/host -name '*.[ch]' -type f | sort |
		xargs -r awk '
	FILENAME == "core/turn/reply.c" {
		next
	}
	/TP_STUN_(SUCCESS|ERROR)[^_A-Z]/ && !/case TP_STUN_/ {
		printf "%s:%d: names the class of a response\n", FILENAME, FNR
	}
	# An indication, and nothing whose class is not seen at once.
	/tp_build_init[ \t]*\(/ {
		call = FNR
		text = ""
	}
	call {
		text = text $0
	}
	call && /;/ {
		if (text !~ /TP_STUN_INDICATION/) {
			printf "%s:%d: builds what is no indication\n", FILENAME, call
		}
		call = 0
	}'
	if [ -f core/turn/reply.c ] && ! grep -q 'tp_build_init' core/turn/reply.c; then
		echo 'core/turn/reply.c: builds nothing: is this still the place?'
	fi
}

self_test() {
	fresh
	mkdir -p "$work/tree/core/daemon" "$work/tree/core/io" "$work/tree/core/host"
	echo '	tp_build_init(b, p, n, m, message_class, id);' | plant core/turn/reply.c
	plant core/turn/relay.c <<-'END'
		tp_build_init(b, p, n, TP_STUN_DATA,
			      TP_STUN_INDICATION, id);
		END
	clean "a tree that keeps the rule"

	plant core/turn/binding.c <<-'END'
		tp_build_init(b, p, n, TP_STUN_BINDING,
			      TP_STUN_SUCCESS, id);
		END
	found 'core/turn/binding.c:1: builds what is no indication'
	found 'core/turn/binding.c:2: names the class of a response'
	printf '	enum tp_stun_class c = TP_STUN_ERROR;\n' | plant core/turn/auth.c
	found 'core/turn/auth.c:1: names the class of a response'
	printf '	tp_build_init(b, p, n, m, c, id);\n' | plant core/turn/auth.c
	found 'core/turn/auth.c:1: builds what is no indication'
	echo 'int nothing;' | plant core/turn/reply.c
	found 'core/turn/reply.c: builds nothing'
}

lint "$@"
