/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded into the daemon: a name server that takes five seconds to say nothing. */
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	(void)node;
	(void)service;
	(void)hints;
	*out = NULL;
	sleep(5);
	return EAI_AGAIN;
}
