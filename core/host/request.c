/* SPDX-License-Identifier: Apache-2.0 */
#include "host/request.h"

#include "host/credentials.h"
#include "host/dispatch.h"
#include "host/generation.h"

void tp_request_fini(struct tp_request *request)
{
	tp_dispatch_cancel(request);
	tp_provided_wipe(request);
	tp_generation_unref(&request->generation);
	tp_arena_fini(&request->arena);
}
