/* SPDX-License-Identifier: Apache-2.0 */
#include "host/request.h"

#include <string.h>

#include "host/credentials.h"
#include "host/dispatch.h"
#include "host/generation.h"

void tp_reason_copy(char out[TP_REASON_SIZE], const char *reason)
{
	size_t max = TP_REASON_SIZE - 1;
	size_t len = strnlen(reason, max + 1);

	if (len > max) {
		for (len = max; len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80; len--) {
		}
	}
	memcpy(out, reason, len);
	out[len] = '\0';
}

void tp_request_fini(struct tp_request *request)
{
	tp_dispatch_cancel(request);
	tp_provided_wipe(request);
	tp_generation_unref(&request->generation);
	tp_arena_fini(&request->arena);
}
