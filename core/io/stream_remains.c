/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_remains.h"

#include "io/socket.h"

void tp_stream_remains_fini(struct tp_stream_remains *remains)
{
	tp_tls_fini(&remains->tls);
	tp_stream_rest_fini(&remains->rest);
	tp_stream_rest_fini(&remains->sealed);
	tp_socket_close(&remains->fd);
}
