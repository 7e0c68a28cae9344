/* SPDX-License-Identifier: Apache-2.0 */
#include "binding.h"

#include <string.h>
#include <sys/random.h>

#define TRANSACTION_ID_OFFSET 8

/* Binding request without attributes, magic cookie. */
static const uint8_t header[TRANSACTION_ID_OFFSET] = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};

bool binding_init(struct binding *binding)
{
	size_t len = BINDING_REQUEST_SIZE - TRANSACTION_ID_OFFSET;

	memcpy(binding->request, header, sizeof(header));
	return getrandom(binding->request + TRANSACTION_ID_OFFSET, len, 0) == (ssize_t)len;
}

enum binding_match binding_match(const struct binding *binding, const uint8_t *bytes, size_t len)
{
	if (len < BINDING_REQUEST_SIZE) {
		return BINDING_MORE;
	}
	if (bytes[0] != 0x01 || (bytes[1] != 0x01 && bytes[1] != 0x11) || bytes[3] % 4 != 0) {
		return BINDING_OTHER;
	}
	return memcmp(bytes + 4, binding->request + 4, BINDING_REQUEST_SIZE - 4) == 0
		       ? BINDING_ANSWER
		       : BINDING_OTHER;
}
