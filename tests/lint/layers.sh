#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who includes what: a folder of core/ itself, those before it and <turnpike/...>;
# a plugin its own files and <turnpike/...>; a library only where it belongs.
#
#	tests/lint/layers.sh [--self-test]

. "$(dirname "$0")/lib.sh"

check() {
	find core plugins include tests -name '*.[ch]' -type f | sort |
		xargs -r awk '
	BEGIN {
		layers = split("base stun io host turn daemon", order, " ")
		for (i = 1; i <= layers; i++) {
			rank[order[i]] = i
		}
		# No layers: nothing stands on the tools and on the kit of authors.
		rank["cli"] = rank["host"] + 0.5
		rank["kit"] = rank["daemon"] + 0.5

		# Library by header, and the files that may see it.
		home["event2/"] = "^core/io/"
		home["gnutls/"] = "^core/(io/(tls|dtls|certs)|stun/integrity\\.|base/rand\\.|" \
			"turn/(nonce|token|mobility)\\.|cli/rest_credential\\.)"
		home["ltdl.h"] = "^core/host/loader\\.c$"
		home["dlfcn.h"] = "^core/host/loader\\.c$"
		home["iniparser/"] = "^core/daemon/config\\.c$"
		home["iniparser.h"] = home["iniparser/"]
		home["dictionary.h"] = home["iniparser/"]
		home["jansson.h"] = "^core/(daemon/control|cli/turnpikectl)[a-z_]*\\.[ch]$"
		home["zlib.h"] = "^core/stun/"
		home["bpf/"] = "^core/io/xdp\\.c$"
		home["xdp/"] = "^core/io/xdp\\.c$"
		home["CUnit/"] = "^tests/"
		public = "^(std[a-z]+\\.h|turnpike/[a-z]+\\.h)$"
	}

	function problem(what) {
		printf "%s:%d: %s\n", FILENAME, FNR, what
	}

	function exists(path,    line, ok) {
		ok = (getline line <path) >= 0
		close(path)
		return ok
	}

	function library_of(name,    prefix) {
		for (prefix in home) {
			if (index(name, prefix) == 1) {
				return prefix
			}
		}
		return ""
	}

	# <name>
	function check_system(name,    library) {
		if (part[1] == "include") {
			if (name !~ public) {
				problem("a public header includes <" name ">")
			}
			return
		}
		library = library_of(name)
		if (library != "" && part[1] != "tests" && part[1] != "plugins" &&
		    FILENAME !~ home[library]) {
			problem("<" name "> is not to be seen here")
		}
		if (library == "CUnit/" && part[1] != "tests") {
			problem("<" name "> is for tests")
		}
		if (index(name, "turnpike/") == 1 && !exists("include/" name)) {
			problem("<" name "> is no public header")
		}
	}

	# "name", in core/<own>
	function check_core(own, name,    of) {
		split(name, piece, "/")
		of = piece[1]
		if (name !~ /^[a-z]+\/[a-z0-9_]+\.h$/) {
			problem("\"" name "\" is not written as \"folder/file.h\"")
		} else if (!(of in rank) || rank[of] > rank[own] ||
			   (own != of && (of == "cli" || of == "kit"))) {
			problem("core/" own " includes \"" name "\"")
		}
	}

	# "name" in plugins/<own>, or "common/name"
	function check_plugin(own, name, file) {
		file = name
		if (sub(/^common\//, "", file)) {
			own = "common"
		}
		if (file ~ /\// || !exists("plugins/" own "/" file)) {
			problem("a plugin includes \"" name "\"")
		}
	}

	FNR == 1 {
		split(FILENAME, part, "/")
		if (part[1] == "core" && !(part[2] in rank)) {
			problem("core/" part[2] " is no layer")
		}
	}

	/^[ \t]*#[ \t]*include[ \t]*</ {
		sub(/^[^<]*</, "")
		sub(/>.*/, "")
		check_system($0)
		next
	}

	/^[ \t]*#[ \t]*include[ \t]*"/ {
		sub(/^[^"]*"/, "")
		sub(/".*/, "")
		if (part[1] == "core") {
			check_core(part[2], $0)
		} else if (part[1] == "plugins") {
			check_plugin(part[2], $0)
		} else if (part[1] == "include") {
			problem("a public header includes \"" $0 "\"")
		}
		next
	}

	/^[ \t]*#[ \t]*include/ {
		problem("an include that names no header")
	}'
}

self_test() {
	fresh
	mkdir "$work/tree/plugins" "$work/tree/tests"
	echo '#include <stddef.h>' | plant include/turnpike/types.h
	printf '#include <turnpike/types.h>\n#include "base/map.h"\n' | plant core/turn/relay.c
	printf '#include "relay.h"\n#include "common/line.h"\n' | plant plugins/p/p.c
	echo '/* */' | plant plugins/p/relay.h
	echo '/* */' | plant plugins/common/line.h
	echo '#include <event2/event.h>' | plant core/io/loop.c
	printf '#include "io/loop.h"\n' | plant core/cli/probe.c
	clean "a tree that keeps the rules"

	printf '\n#include "host/ticket.h"\n' | plant core/stun/msg.c
	found 'core/stun/msg.c:2: core/stun includes "host/ticket.h"'
	echo '#include "turn/server.h"' | plant core/cli/probe.c
	found 'core/cli/probe.c:1: core/cli includes "turn/server.h"'
	echo '#include "loop.h"' | plant core/io/job.c
	found 'core/io/job.c:1: "loop.h" is not written'
	echo '#include <event2/event.h>' | plant core/host/worker.c
	found 'core/host/worker.c:1: <event2/event.h> is not to be seen here'
	echo '#include <jansson.h>' | plant core/daemon/worker.c
	found 'core/daemon/worker.c:1: <jansson.h> is not to be seen here'
	echo '#include <gnutls/crypto.h>' | plant core/turn/relay.c
	found 'core/turn/relay.c:1: <gnutls/crypto.h> is not to be seen here'
	echo '#include <CUnit/CUnit.h>' | plant plugins/q/q.c
	found 'plugins/q/q.c:1: <CUnit/CUnit.h> is for tests'
	echo '#include "base/map.h"' | plant plugins/q/q.c
	found 'plugins/q/q.c:1: a plugin includes "base/map.h"'
	echo '#include "common/word.h"' | plant plugins/q/q.c
	found 'plugins/q/q.c:1: a plugin includes "common/word.h"'
	echo '#include <turnpike/secret.h>' | plant plugins/q/q.c
	found 'plugins/q/q.c:1: <turnpike/secret.h> is no public header'
	echo '#include <sys/socket.h>' | plant include/turnpike/addr.h
	found 'include/turnpike/addr.h:1: a public header includes <sys/socket.h>'
	echo '#include "base/err.h"' | plant include/turnpike/addr.h
	found 'include/turnpike/addr.h:1: a public header includes "base/err.h"'
	echo 'int a;' | plant core/util/a.c
	found 'core/util/a.c:1: core/util is no layer'
}

lint "$@"
