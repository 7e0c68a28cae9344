/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/error.h>

#include "base/addr.h"
#include "base/err.h"
#include "io/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Whether a header arrives at once or byte by byte, it is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct tp_addr client_addr = {.family = TP_FAMILY_NONE};
	long whole = tp_proxy_header_parse(bytes, len, &client_addr);
	size_t prefix_max = whole > 0 ? (size_t)whole : len;

	struct tp_addr named = {.family = TP_FAMILY_NONE};
	long datagram = tp_proxy_header_parse_datagram(bytes, len, &named);

	tp_assert(datagram == TP_EPROTO || (datagram > 0 && (size_t)datagram <= len));
	tp_assert(named.family == TP_FAMILY_NONE || (datagram > 0 && named.port != 0));
	tp_assert(whole <= TP_PROXY_HEADER_MAX && (whole <= 0 || (size_t)whole <= len));
	tp_assert(whole >= 0 || whole == TP_EPROTO);
	tp_assert(client_addr.family == TP_FAMILY_NONE || (whole > 0 && client_addr.port != 0));
	tp_assert(whole != 0 || len < TP_PROXY_HEADER_MAX);
	for (size_t part_len = 0; part_len < prefix_max; part_len++) {
		struct tp_addr ignored;
		long part = tp_proxy_header_parse(bytes, part_len, &ignored);

		tp_assert(part == 0 || (whole == TP_EPROTO && part == TP_EPROTO));
	}
	return 0;
}
