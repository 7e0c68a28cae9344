/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

void tp_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}

const char *tp_error_string(int error)
{
	switch (error) {
	case TP_OK:
		return "success";
	case TP_EINVAL:
		return "not acceptable";
	case TP_ENOMEM:
		return "out of memory";
	case TP_ENOENT:
		return "no such thing";
	case TP_EEXIST:
		return "there already";
	case TP_EFULL:
		return "at its ceiling";
	case TP_EAGAIN:
		return "not now";
	case TP_EPROTO:
		return "not the protocol";
	case TP_EAUTH:
		return "integrity or certificate check failed";
	case TP_EIO:
		return "the system or a library failed";
	case TP_ETIMEOUT:
		return "no answer in time";
	case TP_ESHUTDOWN:
		return "stopping";
	case TP_ERANGE:
		return "outside the range allowed";
	case TP_EPERM:
		return "not permitted";
	case TP_EADDRINUSE:
		return "address or port already taken";
	case TP_ESTALE:
		return "ended meanwhile";
	case TP_ECANCELED:
		return "given up before it ran";
	default:
		return "unknown error";
	}
}
