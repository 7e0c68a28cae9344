/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#define PLAIN (1u << TP_TRANSPORT_UDP | 1u << TP_TRANSPORT_TCP)
#define SECURE (1u << TP_TRANSPORT_TLS | 1u << TP_TRANSPORT_DTLS)

static const char digits[] = "0123456789";
static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

/* Decimal, without sign or blanks, 1 to @max. */
static bool read_number(const char *text, unsigned max, unsigned *out)
{
	size_t len = strlen(text);
	unsigned long number;

	if (len == 0 || len > 5 || strspn(text, digits) != len) {
		return false;
	}
	number = strtoul(text, NULL, 10);
	*out = (unsigned)number;
	return number >= 1 && number <= max;
}

static unsigned transport_bit(const char *name, size_t len)
{
	for (int i = 0; i < TP_TRANSPORT_COUNT; i++) {
		const char *known = tp_transport_name((enum tp_transport)i);

		if (strlen(known) == len && memcmp(known, name, len) == 0) {
			return 1u << i;
		}
	}
	return 0;
}

/* Moves @at behind the transports; NULL, or what is wrong. */
static const char *take_transports(const char **at, struct target *target)
{
	const char *end = strstr(*at, "://");

	while (end != NULL && *at <= end) {
		size_t len = strcspn(*at, "+:");
		unsigned bit = transport_bit(*at, len);

		if (bit == 0 || (target->transports & bit) != 0) {
			return "begins with something else than udp, tcp, tls, dtls, each once";
		}
		target->transports |= bit;
		*at += len + 1;
	}
	*at += end == NULL ? 0 : 2;
	return NULL;
}

static bool is_any(const struct tp_addr *addr)
{
	static const uint8_t zeros[sizeof(addr->bytes)];

	return memcmp(addr->bytes, zeros, sizeof(zeros)) == 0;
}

/* Labels of 1 to 63 bytes; the last begins with a letter, or it would be a wrong address. */
static bool is_name(const char *host)
{
	size_t len = strlen(host);
	const char *last = strrchr(host, '.');

	if (len == 0 || len > TARGET_HOST_MAX || strspn(host, name_bytes) != len) {
		return false;
	}
	last = last == NULL ? host : last + 1;
	if (*last < 'a' || *last > 'z') {
		return false;
	}
	for (const char *label = host; label != NULL;) {
		size_t label_len = strcspn(label, ".");

		if (label_len == 0 || label_len > 63 || label[0] == '-') {
			return false;
		}
		label = label[label_len] == '.' ? label + label_len + 1 : NULL;
	}
	return true;
}

/* @text: without transports and weight, ours to cut */
static const char *take_host(char *text, struct target *target)
{
	unsigned port;
	char *colon;

	if (tp_addr_parse(text, &target->addr) == 0) {
		target->port = target->addr.port;
		target->addr.port = 0;
		return is_any(&target->addr) ? "is no single address" : NULL;
	}
	colon = strchr(text, ':');
	if (colon != NULL) {
		*colon = '\0';
		if (!read_number(colon + 1, UINT16_MAX, &port)) {
			return "has no port from 1 to 65535 behind the colon";
		}
		target->port = (uint16_t)port;
	}
	if (!is_name(text)) {
		return "has neither the name nor the address of a server";
	}
	strcpy(target->host, text);
	return NULL;
}

/* @text: in lower case, ours to cut */
static const char *take(char *text, struct target *target)
{
	char *weight = strchr(text, '*');
	const char *rest = text;
	const char *wrong;

	target->weight = 1;
	if (weight != NULL) {
		*weight = '\0';
		if (!read_number(weight + 1, TARGET_WEIGHT_MAX, &target->weight)) {
			return "has no weight from 1 to 1000 behind the asterisk";
		}
	}
	strcpy(target->name, text);
	wrong = take_transports(&rest, target);
	if (wrong == NULL) {
		wrong = take_host(text + (rest - text), target);
	}
	if (target->transports == 0) {
		target->transports = target->port != 0 ? PLAIN : PLAIN | SECURE;
	}
	return wrong;
}

int target_parse(const char *word, struct target *out, char problem[TARGET_PROBLEM_SIZE])
{
	char text[sizeof(out->name)];
	size_t len = strlen(word);
	const char *wrong = "is too long";

	*out = (struct target){.port = 0};
	if (len < sizeof(text)) {
		for (size_t i = 0; i <= len; i++) {
			text[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
		}
		wrong = take(text, out);
	}
	if (wrong != NULL) {
		snprintf(problem, TARGET_PROBLEM_SIZE, "\"%.80s\" %s", word, wrong);
		return TP_EINVAL;
	}
	return 0;
}

uint16_t target_port(const struct target *target, enum tp_transport transport)
{
	if (target->port != 0) {
		return target->port;
	}
	return transport == TP_TRANSPORT_TLS || transport == TP_TRANSPORT_DTLS ? 5349 : 3478;
}

bool target_takes(const struct target *target, enum tp_transport transport)
{
	return (target->transports & 1u << transport) != 0;
}
