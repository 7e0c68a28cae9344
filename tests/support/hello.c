/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hello.h"

#include <string.h>

#include "base/bytes.h"

void hello_put(struct hello *hello, const void *bytes, size_t len)
{
	memcpy(hello->bytes + hello->len, bytes, len);
	hello->len += len;
}

static void put_u16(struct hello *hello, size_t value)
{
	tp_put_u16(hello->bytes + hello->len, (uint16_t)value);
	hello->len += 2;
}

void hello_begin(struct hello *hello)
{
	memset(hello, 0, sizeof(*hello));
	hello_put(hello, "\x16\x03\x01\0\0\x01\0\0\0\x03\x03", 11);
	hello->len += 32;                                  /* random */
	hello_put(hello, "\0\0\x02\x13\x01\x01\0\0\0", 9); /* no session, one cipher, null */
	hello->extensions = hello->len;
}

void hello_set_lengths(struct hello *hello)
{
	tp_put_u16(hello->bytes + hello->extensions - 2,
		   (uint16_t)(hello->len - hello->extensions));
	tp_put_u16(hello->bytes + 3, (uint16_t)(hello->len - 5));
	tp_put_u16(hello->bytes + 7, (uint16_t)(hello->len - 9));
}

void hello_add_name(struct hello *hello, const char *name)
{
	size_t len = strlen(name);

	put_u16(hello, 0);
	put_u16(hello, len + 5);
	put_u16(hello, len + 3);
	hello_put(hello, "", 1);
	put_u16(hello, len);
	hello_put(hello, name, len);
	hello_set_lengths(hello);
}

void hello_add_alpn(struct hello *hello, const char *protocols)
{
	put_u16(hello, 16);
	put_u16(hello, strlen(protocols) + 2);
	put_u16(hello, strlen(protocols));
	hello_put(hello, protocols, strlen(protocols));
	hello_set_lengths(hello);
}

void hello_add_other(struct hello *hello, size_t len)
{
	put_u16(hello, 21);
	put_u16(hello, len);
	hello->len += len;
	hello_set_lengths(hello);
}
