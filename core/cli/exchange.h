/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

struct tp_loop;

/*
 * Numbered packets from side A to side B and each back again, every byte
 * checked on both sides. How packets travel is the owner's business.
 */
struct tp_exchange;

#define TP_EXCHANGE_SIZE_MIN 16
#define TP_EXCHANGE_COUNT_MAX 1000000

enum tp_exchange_side {
	TP_EXCHANGE_A = 0,
	TP_EXCHANGE_B = 1,
};

struct tp_exchange_result {
	uint32_t sent;
	uint32_t arrived;    /* at B, each once */
	uint32_t returned;   /* at A, each once */
	uint32_t duplicates; /* on either side */
	uint32_t damaged;    /* bytes or length differ from what was sent */
	uint32_t unsent;     /* refused by the sending socket, either side */
	/* Round trips A to B to A; 0 without any. */
	uint64_t min_us;
	uint64_t median_us;
	uint64_t p99_us;
};

struct tp_exchange_options {
	uint32_t count;       /* 1 to TP_EXCHANGE_COUNT_MAX */
	size_t size;          /* of a payload in bytes, TP_EXCHANGE_SIZE_MIN at least */
	uint32_t patience_ms; /* from the last packet sent until what is missing is lost */
	void *owner;
	int (*send)(void *owner, enum tp_exchange_side from, const uint8_t *payload, size_t len);
	/* From the loop; @exchange may be freed inside. @result: borrowed. */
	void (*done)(void *owner, const struct tp_exchange_result *result);
};

/** Owner: free with tp_exchange_free(). Errors: TP_ENOMEM, TP_ERANGE. */
int tp_exchange_start(struct tp_loop *loop, const struct tp_exchange_options *options,
		      struct tp_exchange **out);

/** A payload has come in at that side. Borrowed. One of another exchange is ignored. */
void tp_exchange_receive(struct tp_exchange *exchange, enum tp_exchange_side at,
			 struct tp_view payload);

/** Done is not called any more. Sets the pointer to NULL; NULL inside is fine. */
void tp_exchange_free(struct tp_exchange **exchange);
