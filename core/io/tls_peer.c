/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <turnpike/error.h>

#include "io/tls.h"

int tp_endpoint_tls_peer(struct tp_endpoint *endpoint, struct tp_tls_peer *out)
{
	const struct tp_tls *tls = tp_stream_tls(endpoint);

	if (tls == NULL) {
		tls = tp_dtls_tls(endpoint);
	}
	if (tls == NULL) {
		return TP_EINVAL;
	}
	tp_tls_describe(tls, out);
	return 0;
}
