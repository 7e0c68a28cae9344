/* SPDX-License-Identifier: Apache-2.0 */
#include "host_name.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct host_name {
	host_name_fn done; /* NULL: nobody waits any more */
	void *arg;
	char address[NI_MAXHOST]; /* empty: none found */
	char host[];
};

static void resolve(void *arg)
{
	struct host_name *name = arg;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;

	if (getaddrinfo(name->host, NULL, &hints, &found) != 0) {
		return;
	}
	if (getnameinfo(found->ai_addr, found->ai_addrlen, name->address, sizeof(name->address),
			NULL, 0, NI_NUMERICHOST) != 0) {
		name->address[0] = '\0';
	}
	freeaddrinfo(found);
}

static void resolved(void *arg)
{
	struct host_name *name = arg;

	if (name->done != NULL) {
		name->done(name->arg, name->address[0] == '\0' ? NULL : name->address);
	}
	free(name);
}

struct host_name *host_name_resolve(struct tp_instance *self, const char *host, host_name_fn done,
				    void *arg)
{
	size_t size = strlen(host) + 1;
	struct host_name *name = calloc(1, sizeof(*name) + size);

	if (name == NULL) {
		return NULL;
	}
	memcpy(name->host, host, size);
	name->done = done;
	name->arg = arg;
	if (tp_job_submit(self, resolve, resolved, name) != 0) {
		free(name);
		return NULL;
	}
	return name;
}

void host_name_cancel(struct host_name **name)
{
	if (*name != NULL) {
		(*name)->done = NULL;
	}
	*name = NULL;
}
