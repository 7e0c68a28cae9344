/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "io/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* It never asks in vain, and what is there of it does not change the answer. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct tp_client_hello hello = {.has_alpn = false};
	size_t wanted = 0;
	int err = tp_client_hello_parse(bytes, len, &hello, &wanted);
	size_t part_max = len < 64 ? len : 64;

	tp_assert(err == 0 || err == TP_EAGAIN || err == TP_EPROTO);
	tp_assert(err != TP_EAGAIN || (wanted > len && wanted <= TP_CLIENT_HELLO_MAX));
	tp_assert(memchr(hello.server_name, '\0', sizeof(hello.server_name)) != NULL);
	tp_assert(hello.has_alpn || !hello.speaks_stun);
	for (size_t part_len = 0; part_len < part_max; part_len++) {
		struct tp_client_hello ignored;
		int part = tp_client_hello_parse(bytes, part_len, &ignored, &wanted);

		tp_assert(part == err || part == TP_EAGAIN);
	}
	return 0;
}
