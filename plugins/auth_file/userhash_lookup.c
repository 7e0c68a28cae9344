/* SPDX-License-Identifier: Apache-2.0 */
#include "userhash_lookup.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "user_table.h"

/* A request that waits for the hashes. */
struct lookup {
	struct tp_ticket ticket;
	struct user_table *users; /* a reference */
	char *realm;
	uint8_t userhash[USERHASH_SIZE];
	int err;
};

struct tp_credentials user_credentials(const struct user *user, bool name)
{
	return (struct tp_credentials){
		.size = sizeof(struct tp_credentials),
		.password = user->password,
		.key_md5 = user->has_md5 ? user->key_md5 : NULL,
		.key_sha256 = user->has_sha256 ? user->key_sha256 : NULL,
		.user = name ? user->name : NULL,
		.max_allocations = user->max_allocations,
		.max_lifetime_s = user->max_lifetime_s,
	};
}

static void lookup_free(struct lookup *lookup)
{
	user_table_unref(&lookup->users);
	free(lookup->realm);
	free(lookup);
}

static void compute(void *arg)
{
	struct lookup *lookup = arg;

	lookup->err = user_table_hash(lookup->users, lookup->realm);
}

/* A ticket that is stale by now does no harm. */
static void answer(void *arg)
{
	struct lookup *lookup = arg;
	const struct user *user =
		user_table_find_hash(lookup->users, lookup->realm, lookup->userhash);

	if (lookup->err != 0) {
		tp_ticket_answer(lookup->ticket, TP_DENY, 500);
	} else if (user == NULL) {
		tp_ticket_answer(lookup->ticket, TP_PASS, 0);
	} else {
		struct tp_credentials credentials = user_credentials(user, true);

		tp_ticket_provide(lookup->ticket, &credentials);
	}
	lookup_free(lookup);
}

enum tp_verdict userhash_lookup_start(struct tp_instance *self, struct tp_request *request,
				      struct user_table *users, const char *realm,
				      const uint8_t *userhash)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL) {
		user_table_unref(&users);
		return tp_request_deny(request, 500, NULL);
	}
	lookup->users = users;
	lookup->realm = strdup(realm);
	memcpy(lookup->userhash, userhash, USERHASH_SIZE);
	if (lookup->realm == NULL || tp_job_submit(self, compute, answer, lookup) != 0) {
		lookup_free(lookup);
		return tp_request_deny(request, 500, NULL);
	}
	/* "answer" comes in a later turn of this very loop: the ticket will be there. */
	return tp_request_park(request, &lookup->ticket);
}
