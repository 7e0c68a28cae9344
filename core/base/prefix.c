/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/prefix.h>

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

/*
 * One binary trie per family in one array of nodes; child 0 is none, since the
 * roots are nobody's children.
 */
struct node {
	uint32_t child[2];
	uint8_t mark; /* 0: no network ends here */
};

#define ROOT_IPV4 0
#define ROOT_IPV6 1

struct tp_prefix_set {
	struct node *nodes;
	size_t node_count;
	size_t node_room;
	size_t count;
};

static int add_node(struct tp_prefix_set *set, uint32_t *index)
{
	if (set->node_count == set->node_room) {
		size_t room = set->node_room == 0 ? 64 : set->node_room * 2;
		struct node *nodes;

		if (room > UINT32_MAX) {
			return TP_ENOMEM;
		}
		nodes = reallocarray(set->nodes, room, sizeof(*nodes));
		if (nodes == NULL) {
			return TP_ENOMEM;
		}
		set->nodes = nodes;
		set->node_room = room;
	}
	set->nodes[set->node_count] = (struct node){{0, 0}, 0};
	*index = (uint32_t)set->node_count++;
	return 0;
}

struct tp_prefix_set *tp_prefix_set_create(void)
{
	struct tp_prefix_set *set = calloc(1, sizeof(*set));
	uint32_t root;

	if (set != NULL && (add_node(set, &root) != 0 || add_node(set, &root) != 0)) {
		tp_prefix_set_free(&set);
	}
	return set;
}

void tp_prefix_set_free(struct tp_prefix_set **set)
{
	if (*set == NULL) {
		return;
	}
	free((*set)->nodes);
	free(*set);
	*set = NULL;
}

static unsigned bit_of(const struct tp_addr *addr, unsigned at)
{
	return addr->bytes[at / 8] >> (7 - at % 8) & 1;
}

static unsigned bits_of(const struct tp_addr *addr)
{
	return addr->family == TP_FAMILY_IPV4 ? 32 : 128;
}

/* "192.0.2.0/24" or an address alone; no port, nothing set behind the prefix. */
static int parse_network(const char *network, struct tp_addr *addr, unsigned *len)
{
	const char *slash = strchr(network, '/');
	char text[TP_ADDR_STRING];
	size_t text_len = slash == NULL ? strlen(network) : (size_t)(slash - network);

	if (text_len >= sizeof(text)) {
		return TP_EINVAL;
	}
	memcpy(text, network, text_len);
	text[text_len] = '\0';
	if (strchr(text, '[') != NULL || tp_addr_parse(text, addr) != 0 || addr->port != 0 ||
	    addr->scope_id != 0 || (addr->family == TP_FAMILY_IPV4 && strchr(text, ':') != NULL)) {
		return TP_EINVAL;
	}
	*len = bits_of(addr);
	if (slash != NULL) {
		size_t digits = strlen(slash + 1);
		unsigned long value;

		if (digits == 0 || digits > 3 || strspn(slash + 1, "0123456789") != digits) {
			return TP_EINVAL;
		}
		value = strtoul(slash + 1, NULL, 10);
		if (value > *len) {
			return TP_EINVAL;
		}
		*len = (unsigned)value;
	}
	for (unsigned at = *len; at < bits_of(addr); at++) {
		if (bit_of(addr, at) != 0) {
			return TP_EINVAL;
		}
	}
	return 0;
}

static uint32_t root_of(const struct tp_addr *addr)
{
	return addr->family == TP_FAMILY_IPV4 ? ROOT_IPV4 : ROOT_IPV6;
}

int tp_prefix_set_add(struct tp_prefix_set *set, const char *network, unsigned mark)
{
	struct tp_addr addr;
	uint32_t at;
	unsigned len;

	if (mark == 0 || mark > UINT8_MAX || parse_network(network, &addr, &len) != 0) {
		return TP_EINVAL;
	}
	at = root_of(&addr);
	for (unsigned bit = 0; bit < len; bit++) {
		unsigned side = bit_of(&addr, bit);
		uint32_t child = set->nodes[at].child[side];

		if (child == 0) {
			if (add_node(set, &child) != 0) {
				return TP_ENOMEM;
			}
			set->nodes[at].child[side] = child;
		}
		at = child;
	}
	set->count += set->nodes[at].mark == 0;
	if (mark > set->nodes[at].mark) {
		set->nodes[at].mark = (uint8_t)mark;
	}
	return 0;
}

unsigned tp_prefix_set_find(const struct tp_prefix_set *set, const struct tp_addr *addr)
{
	unsigned mark = 0;
	uint32_t at;

	if (addr->family == TP_FAMILY_NONE) {
		return 0;
	}
	at = root_of(addr);
	for (unsigned bit = 0;; bit++) {
		const struct node *node = &set->nodes[at];

		if (node->mark != 0) {
			mark = node->mark;
		}
		if (bit == bits_of(addr)) {
			return mark;
		}
		at = node->child[bit_of(addr, bit)];
		if (at == 0) {
			return mark;
		}
	}
}

size_t tp_prefix_set_count(const struct tp_prefix_set *set)
{
	return set->count;
}
