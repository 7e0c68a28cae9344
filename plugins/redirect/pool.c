/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>

#include "rendezvous.h"

struct endpoint {
	struct tp_addr addr; /* port 0 */
	struct health health;
	int64_t since_s;
	uint64_t sent;
	char problem[POOL_PROBLEM_SIZE];
};

struct member {
	struct target target;
	bool off;
	struct endpoint endpoints[RESOLVE_ADDRS_MAX];
	size_t count;
};

struct pool {
	pthread_mutex_t lock;
	struct pool_settings settings;
	struct tp_addr self[POOL_SELF_MAX];
	struct member *members[POOL_TARGETS_MAX];
	size_t count;
};

/* --- life ------------------------------------------------------------------------------ */

struct pool *pool_create(const struct pool_settings *settings)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL) {
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pool->settings = *settings;
	memcpy(pool->self, settings->self, settings->self_count * sizeof(pool->self[0]));
	pool->settings.self = pool->self;
	return pool;
}

void pool_free(struct pool **pool)
{
	if (*pool != NULL) {
		for (size_t i = 0; i < (*pool)->count; i++) {
			free((*pool)->members[i]);
		}
		pthread_mutex_destroy(&(*pool)->lock);
		free(*pool);
	}
	*pool = NULL;
}

static struct member *find(const struct pool *pool, const char *name)
{
	for (size_t i = 0; i < pool->count; i++) {
		if (strcmp(pool->members[i]->target.name, name) == 0) {
			return pool->members[i];
		}
	}
	return NULL;
}

static void begin(const struct pool *pool, struct endpoint *endpoint, const struct tp_addr *addr)
{
	*endpoint = (struct endpoint){.addr = *addr};
	if (pool->settings.unchecked) {
		endpoint->health.state = HEALTH_UP;
		endpoint->since_s = time(NULL);
	}
}

int pool_add(struct pool *pool, const struct target *target)
{
	struct member *member;

	if (find(pool, target->name) != NULL) {
		return TP_EEXIST;
	}
	if (pool->count == POOL_TARGETS_MAX) {
		return TP_EFULL;
	}
	member = calloc(1, sizeof(*member));
	if (member == NULL) {
		return TP_ENOMEM;
	}
	member->target = *target;
	if (target->host[0] == '\0') {
		begin(pool, &member->endpoints[member->count++], &target->addr);
	}
	pool->members[pool->count++] = member;
	return 0;
}

size_t pool_count(const struct pool *pool)
{
	return pool->count;
}

const struct target *pool_target(const struct pool *pool, size_t index)
{
	return &pool->members[index]->target;
}

void pool_adopt(struct pool *pool, struct pool *before)
{
	pthread_mutex_lock(&before->lock);
	for (size_t i = 0; i < pool->count; i++) {
		struct member *member = pool->members[i];
		const struct member *old = find(before, member->target.name);

		if (old == NULL) {
			continue;
		}
		member->off = old->off;
		member->count = old->count;
		memcpy(member->endpoints, old->endpoints, sizeof(member->endpoints));
		for (size_t j = 0; j < member->count && pool->settings.unchecked; j++) {
			member->endpoints[j].health = (struct health){.state = HEALTH_UP};
		}
	}
	pthread_mutex_unlock(&before->lock);
}

/* --- keeping it current ---------------------------------------------------------------- */

size_t pool_addrs(struct pool *pool, size_t index, struct tp_addr out[RESOLVE_ADDRS_MAX])
{
	const struct member *member = pool->members[index];
	size_t count;

	pthread_mutex_lock(&pool->lock);
	count = member->count;
	for (size_t i = 0; i < count; i++) {
		out[i] = member->endpoints[i].addr;
	}
	pthread_mutex_unlock(&pool->lock);
	return count;
}

static struct endpoint *find_endpoint(struct member *member, const struct tp_addr *addr)
{
	for (size_t i = 0; i < member->count; i++) {
		if (tp_addr_equal_ip(&member->endpoints[i].addr, addr)) {
			return &member->endpoints[i];
		}
	}
	return NULL;
}

void pool_resolved(struct pool *pool, size_t index, const struct tp_addr *addrs, size_t count)
{
	struct member *member = pool->members[index];
	struct endpoint fresh[RESOLVE_ADDRS_MAX];

	pthread_mutex_lock(&pool->lock);
	for (size_t i = 0; i < count; i++) {
		const struct endpoint *old = find_endpoint(member, &addrs[i]);

		if (old != NULL) {
			fresh[i] = *old;
		} else {
			begin(pool, &fresh[i], &addrs[i]);
		}
	}
	memcpy(member->endpoints, fresh, count * sizeof(fresh[0]));
	member->count = count;
	pthread_mutex_unlock(&pool->lock);
}

bool pool_report(struct pool *pool, size_t index, const struct tp_addr *addr, const char *problem,
		 enum health_state *state)
{
	struct endpoint *endpoint;
	bool changed = false;

	pthread_mutex_lock(&pool->lock);
	endpoint = find_endpoint(pool->members[index], addr);
	if (endpoint != NULL) {
		changed = health_note(&endpoint->health, &pool->settings.rules, problem == NULL);
		snprintf(endpoint->problem, sizeof(endpoint->problem), "%s",
			 problem == NULL ? "" : problem);
		endpoint->since_s = changed ? time(NULL) : endpoint->since_s;
		*state = endpoint->health.state;
	}
	pthread_mutex_unlock(&pool->lock);
	return changed;
}

/* --- choosing -------------------------------------------------------------------------- */

struct question {
	const struct pool *pool;
	const struct tp_five_tuple *five_tuple;
	enum tp_transport transport;
	enum tp_family family;
	size_t ip_len; /* of the client's address */
	bool not_self;
};

static bool is_self(const struct question *question, const struct tp_addr *addr)
{
	const struct pool_settings *settings = &question->pool->settings;

	for (size_t i = 0; i < settings->self_count; i++) {
		if (tp_addr_equal_ip(&settings->self[i], addr) &&
		    (settings->self[i].port == 0 || settings->self[i].port == addr->port)) {
			return true;
		}
	}
	return tp_addr_equal(&question->five_tuple->server_addr, addr);
}

static struct tp_addr with_port(const struct question *question, const struct member *member,
				const struct endpoint *endpoint)
{
	struct tp_addr addr = endpoint->addr;

	addr.port = target_port(&member->target, question->transport);
	return addr;
}

/* This server is there, whatever checks say. */
static bool suits(const struct question *question, const struct member *member,
		  const struct endpoint *endpoint)
{
	struct tp_addr addr = with_port(question, member, endpoint);

	if (tp_addr_family(&addr) != question->family) {
		return false;
	}
	return is_self(question, &addr) ? !question->not_self : endpoint->health.state == HEALTH_UP;
}

static uint64_t hash(const struct question *question, const void *server, size_t len)
{
	return rendezvous_hash(question->five_tuple->client_addr.bytes, question->ip_len, server,
			       len);
}

/* Of a target's addresses of the family that suit; NULL: none. */
static struct endpoint *choose_endpoint(const struct question *question, struct member *member)
{
	struct endpoint *best = NULL;
	uint64_t best_hash = 0;

	for (size_t i = 0; i < member->count; i++) {
		struct endpoint *endpoint = &member->endpoints[i];
		uint64_t this_hash;

		if (!suits(question, member, endpoint)) {
			continue;
		}
		this_hash = hash(question, endpoint->addr.bytes, sizeof(endpoint->addr.bytes));
		if (best == NULL || this_hash > best_hash) {
			best = endpoint;
			best_hash = this_hash;
		}
	}
	return best;
}

static struct member *choose_member(const struct question *question)
{
	const struct pool *pool = question->pool;
	struct member *best = NULL;
	uint64_t best_cost = 0;

	for (size_t i = 0; i < pool->count; i++) {
		struct member *member = pool->members[i];
		uint64_t cost;

		if (member->off || !target_takes(&member->target, question->transport) ||
		    choose_endpoint(question, member) == NULL) {
			continue;
		}
		cost = rendezvous_cost(
			hash(question, member->target.name, strlen(member->target.name)),
			member->target.weight);
		if (best == NULL || cost < best_cost) {
			best = member;
			best_cost = cost;
		}
	}
	return best;
}

static enum pool_choice answer(struct question *question, struct pool_answer *out)
{
	struct member *member = choose_member(question);
	struct endpoint *endpoint;

	if (member == NULL) {
		return POOL_NONE;
	}
	endpoint = choose_endpoint(question, member);
	*out = (struct pool_answer){
		.addr = with_port(question, member, endpoint),
		.target = &member->target,
	};
	if (is_self(question, &out->addr)) {
		return POOL_SELF;
	}
	endpoint->sent++;
	question->family = question->family == TP_FAMILY_IPV4 ? TP_FAMILY_IPV6 : TP_FAMILY_IPV4;
	endpoint = choose_endpoint(question, member);
	if (endpoint != NULL) {
		out->other = with_port(question, member, endpoint);
	}
	return POOL_OTHER;
}

enum pool_choice pool_choose(struct pool *pool, const struct tp_five_tuple *five_tuple,
			     bool not_self, struct pool_answer *out)
{
	struct question question = {
		.pool = pool,
		.five_tuple = five_tuple,
		.transport = (enum tp_transport)five_tuple->transport,
		.family = tp_addr_family(&five_tuple->client_addr),
		.not_self = not_self,
	};
	enum pool_choice choice;

	question.ip_len = question.family == TP_FAMILY_IPV4 ? 4 : 16;
	pthread_mutex_lock(&pool->lock);
	choice = answer(&question, out);
	pthread_mutex_unlock(&pool->lock);
	return choice;
}

/* --- an operator ----------------------------------------------------------------------- */

void pool_row(struct pool *pool, size_t index, struct pool_row *out)
{
	const struct member *member = pool->members[index];

	pthread_mutex_lock(&pool->lock);
	*out = (struct pool_row){
		.target = &member->target,
		.off = member->off,
		.count = member->count,
	};
	for (size_t i = 0; i < member->count; i++) {
		const struct endpoint *endpoint = &member->endpoints[i];

		out->addrs[i].addr = endpoint->addr;
		out->addrs[i].state = endpoint->health.state;
		out->addrs[i].since_s = endpoint->since_s;
		out->addrs[i].sent = endpoint->sent;
		memcpy(out->addrs[i].problem, endpoint->problem, sizeof(endpoint->problem));
	}
	pthread_mutex_unlock(&pool->lock);
}

int pool_switch(struct pool *pool, const char *name, bool off)
{
	struct member *member = find(pool, name);

	if (member == NULL) {
		return TP_ENOENT;
	}
	pthread_mutex_lock(&pool->lock);
	member->off = off;
	pthread_mutex_unlock(&pool->lock);
	return 0;
}
