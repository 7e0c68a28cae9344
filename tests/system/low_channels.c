/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into turnutils_uclient, which picks its channel numbers at random
 * from RFC 5766's range, 0x4000 to 0x7fff. RFC 8656 section 12 has narrowed it to
 * 0x4000 to 0x4fff, so that three in four are refused, rightly. The client
 * adds a random long, modulo the range, to 0x4000: keep its longs below 0x1000.
 *
 * With -DPLAIN_ALLOCATE they are even, too: then it never asks for an even port.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#ifdef PLAIN_ALLOCATE
#define MASK 0xffe
#else
#define MASK 0xfff
#endif

int RAND_bytes(unsigned char *bytes, int len);

int RAND_bytes(unsigned char *bytes, int len)
{
	static int (*next)(unsigned char *bytes, int len);
	long number;
	int done;

	if (next == NULL) {
		next = (int (*)(unsigned char *, int))dlsym(RTLD_NEXT, "RAND_bytes");
	}
	done = next(bytes, len);
	if (done == 1 && (size_t)len == sizeof(number)) {
		memcpy(&number, bytes, sizeof(number));
		number &= MASK;
		memcpy(bytes, &number, sizeof(number));
	}
	return done;
}
