/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/test.h>

#include "base/clock.h"
#include "base/list.h"
#include "host/generation.h"
#include "host/request.h"
#include "host/service.h"
#include "host/worker.h"
#include "stun/build.h"
#include "stun/msg.h"

#define TP_TEST_JOB_THREADS 2
#define TP_TEST_JOBS_MAX 1024
#define TP_TEST_RETIRED_MAX 16
#define TP_TEST_RESPONSE_SIZE 1280

/* Time that stands still until a test moves it. */
struct tp_test_clock {
	struct tp_clock clock; /* first: the address that is given away */
	uint64_t now_ms;
	uint64_t wall_ms;
};

/* A request that was put to the plugin. */
struct tp_test_request {
	struct tp_test_asked asked; /* first: the pointer handed out */
	struct tp_list link;
	struct tp_request request;
	struct tp_stun_msg msg;
	uint8_t *bytes;
	struct tp_request_authorization authorization;
	struct tp_request_success success;
	struct tp_request_error error;
	struct tp_build build;
	uint8_t response[TP_TEST_RESPONSE_SIZE];
};

struct tp_test_allocation;

/* The inside of a host, for the files of this folder. */
struct tp_test_host {
	struct tp_test_clock clock;
	struct tp_worker worker;
	struct tp_generation *generation;
	struct tp_generation *retired[TP_TEST_RETIRED_MAX];
	size_t retired_count;
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	struct tp_five_tuple five_tuple;
	const char *user;
	uint8_t *request;
	size_t request_len;
	struct tp_list requests;
	pthread_mutex_t objects_lock; /* of the two lists and their flags: any thread kills */
	struct tp_list allocations;
	struct tp_list clients;
	struct tp_test_allocation *first_allocation; /* NULL: not made, or ended */
	uint64_t last_id;
	struct tp_allocation_service service;
	char *printed;
	char problem[TP_TEST_PROBLEM_SIZE];
	struct tp_test_asked told; /* of the last event without a request */
	size_t descriptors;        /* before the plugin was loaded */
};

/** End the program with a sentence: the test has made a mistake. */
_Noreturn void tp_test_die(const char *format, ...) TP_PRINTF(1, 2);

#define tp_test_must(condition)                                                                    \
	((condition) ? (void)0 : tp_test_die("%s:%d: not true: %s", __FILE__, __LINE__, #condition))

void tp_test_clock_init(struct tp_test_clock *clock);

/** What tp_addr_parse() reads, or the end of the program. */
struct tp_addr tp_test_addr(const char *text);

/** The first five-tuple, user and request. */
void tp_test_requests_init(struct tp_test_host *host);
/** All requests end. */
void tp_test_requests_fini(struct tp_test_host *host);

/** No allocations and clients so far; from now on plugins can reach them. */
void tp_test_objects_init(struct tp_test_host *host);
/** Release what is attached, and end all of them silently. */
void tp_test_objects_fini(struct tp_test_host *host);
/** A new generation has taken over. */
void tp_test_objects_adopt(struct tp_test_host *host);
/** End what plugins have killed. */
void tp_test_objects_turn(struct tp_test_host *host);

/** Those before a reload go when nothing of theirs is under way. */
void tp_test_drop_retired(struct tp_test_host *host);
