/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "turn/mobility.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/*
 * The first byte says which of the others of a good ticket are replaced: what opens is what
 * was sealed, to the last bit; all else does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t key[TP_MOBILITY_KEY_SIZE] = {7};
	static const struct tp_mobility_ticket ticket = {.allocation_id = 0x1234567, .number = 89};
	struct tp_mobility_ticket opened;
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];
	uint8_t altered[TP_MOBILITY_TICKET_SIZE];
	int err;

	(void)tp_mobility_open(key, (struct tp_view){bytes, len}, &opened);
	tp_assert(tp_mobility_seal(key, &ticket, sealed) == 0);
	memcpy(altered, sealed, sizeof(altered));
	if (len > 1) {
		size_t at = bytes[0] % sizeof(altered);
		size_t count = len - 1 < sizeof(altered) - at ? len - 1 : sizeof(altered) - at;

		memcpy(altered + at, bytes + 1, count);
	}
	err = tp_mobility_open(key, (struct tp_view){altered, sizeof(altered)}, &opened);
	tp_assert((err == 0) == (memcmp(altered, sealed, sizeof(altered)) == 0));
	tp_assert(err != 0 ||
		  (opened.allocation_id == ticket.allocation_id && opened.number == ticket.number));
	return 0;
}
