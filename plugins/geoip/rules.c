/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

/* --- sets ---------------------------------------------------------------------------- */

/* Of a letter, without the locale; -1 for no letter. */
static int letter(char c)
{
	c = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	return c >= 'A' && c <= 'Z' ? c - 'A' : -1;
}

/* -1 for what is no code. */
static int country_index(const char *code)
{
	int first = letter(code[0]);
	int second = first < 0 ? -1 : letter(code[1]);

	return second < 0 || code[2] != '\0' ? -1 : first * 26 + second;
}

int place_set_add_country(struct place_set *set, const char *code)
{
	int index = country_index(code);

	if (index < 0) {
		return TP_EINVAL;
	}
	set->countries[index] = true;
	set->any_country = true;
	return 0;
}

static int parse_system(const char *text, uint32_t *out)
{
	uint64_t number = 0;

	if (letter(text[0]) == 'A' - 'A' && letter(text[1]) == 'S' - 'A') {
		text += 2;
	}
	if (*text == '\0') {
		return TP_EINVAL;
	}
	for (; *text >= '0' && *text <= '9' && number <= UINT32_MAX; text++) {
		number = number * 10 + (uint64_t)(*text - '0');
	}
	if (*text != '\0' || number > UINT32_MAX) {
		return TP_EINVAL;
	}
	*out = (uint32_t)number;
	return 0;
}

int place_set_add_system(struct place_set *set, const char *number, size_t count)
{
	uint32_t system;
	int err = parse_system(number, &system);

	if (err != 0) {
		return err;
	}
	if (set->systems == NULL) {
		set->systems = calloc(count, sizeof(*set->systems));
	}
	if (set->systems == NULL) {
		return TP_ENOMEM;
	}
	set->systems[set->system_count++] = system;
	return 0;
}

bool place_set_is_empty(const struct place_set *set)
{
	return !set->any_country && set->system_count == 0;
}

static int compare_systems(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void sort(struct place_set *set)
{
	if (set->system_count != 0) {
		qsort(set->systems, set->system_count, sizeof(*set->systems), compare_systems);
	}
}

void rules_sort(struct rules *rules)
{
	sort(&rules->allow);
	sort(&rules->deny);
}

void rules_fini(struct rules *rules)
{
	free(rules->allow.systems);
	free(rules->deny.systems);
}

/* --- judging ------------------------------------------------------------------------- */

struct place {
	bool has_country;
	bool has_system;
	char country[3];
	uint32_t system;
};

static bool is_in(const struct place_set *set, const struct place *place)
{
	int index = place->has_country ? country_index(place->country) : -1;

	if (index >= 0 && set->countries[index]) {
		return true;
	}
	return place->has_system && set->system_count != 0 &&
	       bsearch(&place->system, set->systems, set->system_count, sizeof(*set->systems),
		       compare_systems) != NULL;
}

static bool uses_countries(const struct rules *rules)
{
	return rules->allow.any_country || rules->deny.any_country;
}

static bool uses_systems(const struct rules *rules)
{
	return rules->allow.system_count != 0 || rules->deny.system_count != 0;
}

/* The IPv4 address within: RFC 4291 section 2.5.5.2, RFC 6052 section 2.1, RFC 3056 section 2. */
static const uint8_t *inner_ipv4(const struct tp_addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (tp_addr_family(addr) != TP_FAMILY_IPV6) {
		return NULL;
	}
	if (memcmp(addr->bytes, mapped, sizeof(mapped)) == 0 ||
	    memcmp(addr->bytes, nat64, sizeof(nat64)) == 0) {
		return addr->bytes + 12;
	}
	return addr->bytes[0] == 0x20 && addr->bytes[1] == 0x02 ? addr->bytes + 2 : NULL;
}

static struct place find_place(const struct rules *rules, const struct places *places,
			       const struct tp_addr *addr)
{
	const uint8_t *inner = inner_ipv4(addr);
	struct tp_addr unwrapped = {.family = TP_FAMILY_IPV4};
	struct place place = {0};

	if (inner != NULL) {
		memcpy(unwrapped.bytes, inner, 4);
		addr = &unwrapped;
	}
	place.has_country = uses_countries(rules) && places->countries != NULL &&
			    database_country(places->countries, addr, place.country);
	place.has_system = uses_systems(rules) && places->systems != NULL &&
			   database_as(places->systems, addr, &place.system);
	return place;
}

bool rules_pass(const struct rules *rules, const struct places *places, const struct tp_addr *addr)
{
	struct place place = find_place(rules, places, addr);

	if (is_in(&rules->deny, &place)) {
		return false;
	}
	if (is_in(&rules->allow, &place)) {
		return true;
	}
	if ((uses_countries(rules) && !place.has_country) ||
	    (uses_systems(rules) && !place.has_system)) {
		return rules->unknown_passes;
	}
	return place_set_is_empty(&rules->allow);
}
