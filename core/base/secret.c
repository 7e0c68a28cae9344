/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void tp_secret_wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

bool tp_secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a;
	const volatile uint8_t *right = b;
	uint8_t different = 0;

	for (size_t i = 0; i < len; i++) {
		different |= (uint8_t)(left[i] ^ right[i]);
	}
	return different == 0;
}

void tp_secret_free_string(char **text)
{
	if (*text == NULL) {
		return;
	}
	tp_secret_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}
