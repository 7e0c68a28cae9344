/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/api.h>

TP_BEGIN_DECLS

/* What functions return when something failed here; 0 is success. */
enum tp_error {
	TP_OK = 0,
	TP_EINVAL = -1,      /* an argument or a value is not acceptable */
	TP_ENOMEM = -2,      /* out of memory */
	TP_ENOENT = -3,      /* no such thing */
	TP_EEXIST = -4,      /* it is there already */
	TP_EFULL = -5,       /* a table, queue or range has reached its ceiling */
	TP_EAGAIN = -6,      /* not now */
	TP_EPROTO = -7,      /* bytes do not follow the protocol */
	TP_EAUTH = -8,       /* integrity or certificate check failed */
	TP_EIO = -9,         /* the system or a library failed; see errno or the log */
	TP_ETIMEOUT = -10,   /* nobody answered in time */
	TP_ESHUTDOWN = -11,  /* stopping, or stopped */
	TP_ERANGE = -12,     /* outside the range allowed */
	TP_EPERM = -13,      /* not permitted */
	TP_EADDRINUSE = -14, /* address or port already taken */
	TP_ESTALE = -15,     /* it has ended meanwhile */
	TP_ECANCELED = -16,  /* given up before it ran */
};

/**
 * The sentence for an error, without a full stop.
 *
 * Owner:  static storage
 * Thread: any
 */
TP_API const char *tp_error_string(int error);

TP_END_DECLS
