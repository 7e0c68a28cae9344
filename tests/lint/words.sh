#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each source begins with its licence and leaves nothing for later.
#
#	tests/lint/words.sh [--self-test]

. "$(dirname "$0")/lib.sh"

later='TO''DO|FIX''ME|XX''X'

check() {
	find core plugins include tests etc -type f \
		\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) | sort |
		xargs -r awk -v later="(^|[^A-Za-z_.])($later)([^A-Za-z_]|\$)" '
	function problem(what) {
		printf "%s:%d: %s\n", FILENAME, FNR, what
	}
	FNR == 1 {
		script = /^#!/
	}
	FNR == 1 + script && !/SPDX-License-Identifier: Apache-2.0/ {
		problem("does not begin with the licence")
	}
	$0 ~ later {
		problem("leaves something for later")
	}'
}

self_test() {
	fresh
	mkdir -p "$work/tree/plugins" "$work/tree/include" "$work/tree/etc"
	printf '/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n' | plant core/a.c
	printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n' | plant tests/a.sh
	clean "sources in order"

	printf 'int a;\n' | plant core/b.c
	found 'core/b.c:1: does not begin with the licence'
	printf '#!/bin/sh\ntrue\n' | plant tests/b.sh
	found 'tests/b.sh:2: does not begin with the licence'
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* TO''DO: more */\n' | plant core/b.c
	found 'core/b.c:2: leaves something for later'
}

lint "$@"
