/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct resolve {
	resolve_fn done; /* NULL: nobody waits any more */
	void *arg;
	struct tp_addr addrs[RESOLVE_ADDRS_MAX];
	size_t count;
	char host[];
};

static bool read_addr(const struct sockaddr *from, struct tp_addr *out)
{
	*out = (struct tp_addr){.family = TP_FAMILY_NONE};
	if (from->sa_family == AF_INET) {
		out->family = TP_FAMILY_IPV4;
		memcpy(out->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		out->family = TP_FAMILY_IPV6;
		memcpy(out->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	}
	return out->family != TP_FAMILY_NONE;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tp_addr));
}

/* The same ones each time, of each family half of what there is room for. */
static void keep(struct resolve *resolve, struct tp_addr *all, size_t count)
{
	size_t of_family[TP_FAMILY_IPV6 + 1] = {0};

	qsort(all, count, sizeof(*all), compare);
	for (size_t i = 0; i < count; i++) {
		bool again = i > 0 && compare(&all[i - 1], &all[i]) == 0;

		if (!again && of_family[all[i].family] < RESOLVE_ADDRS_MAX / 2) {
			of_family[all[i].family]++;
			resolve->addrs[resolve->count++] = all[i];
		}
	}
}

static void run(void *arg)
{
	struct resolve *resolve = arg;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct tp_addr all[RESOLVE_ADDRS_MAX * 8] = {0};
	struct addrinfo *found = NULL;
	size_t count = 0;

	if (getaddrinfo(resolve->host, NULL, &hints, &found) != 0) {
		return;
	}
	for (struct addrinfo *at = found; at != NULL && count < sizeof(all) / sizeof(all[0]);
	     at = at->ai_next) {
		count += read_addr(at->ai_addr, &all[count]);
	}
	freeaddrinfo(found);
	keep(resolve, all, count);
}

static void done(void *arg)
{
	struct resolve *resolve = arg;

	if (resolve->done != NULL) {
		resolve->done(resolve->arg, resolve->addrs, resolve->count);
	}
	free(resolve);
}

struct resolve *resolve_start(struct tp_instance *self, const char *host, resolve_fn resolved,
			      void *arg)
{
	size_t size = strlen(host) + 1;
	struct resolve *resolve = calloc(1, sizeof(*resolve) + size);

	if (resolve == NULL) {
		return NULL;
	}
	memcpy(resolve->host, host, size);
	resolve->done = resolved;
	resolve->arg = arg;
	if (tp_job_submit(self, run, done, resolve) != 0) {
		free(resolve);
		return NULL;
	}
	return resolve;
}

void resolve_cancel(struct resolve **resolve)
{
	if (*resolve != NULL) {
		(*resolve)->done = NULL;
	}
	*resolve = NULL;
}
