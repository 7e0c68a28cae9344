/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/test.h>

/* The host of turnpike/test.h under the names that the suites of plugins use. */
#define fake_host tp_test_host
#define fake_asked tp_test_asked
#define FAKE_HOST_PROBLEM_SIZE TP_TEST_PROBLEM_SIZE
#define FAKE_HOST_DEADLINE_MS TP_TEST_DEADLINE_MS
#define fake_host_open tp_test_host_create
#define fake_host_try tp_test_host_try
#define fake_host_close(host) tp_test_host_free(&(host))
#define fake_host_reload tp_test_host_reload
#define fake_host_set_five_tuple tp_test_set_five_tuple
#define fake_host_set_user tp_test_set_user
#define fake_host_set_request tp_test_set_request
#define fake_host_allocation tp_test_allocation
#define fake_host_authorize tp_test_authorize
#define fake_host_authorize_userhash tp_test_authorize_userhash
#define fake_host_ask tp_test_fire
#define fake_host_tell tp_test_fire
#define fake_host_packet(...) (tp_test_fire(__VA_ARGS__)->verdict)
#define fake_host_success tp_test_success
#define fake_host_end tp_test_cancel
#define fake_host_turn tp_test_turn
#define fake_host_advance_ms tp_test_advance_ms
#define fake_host_advance_s(host, s) tp_test_advance_ms(host, (s) * UINT64_C(1000))
#define fake_host_wait tp_test_wait
#define fake_host_wait_until tp_test_wait_until
#define fake_host_finish_jobs tp_test_finish_jobs
#define fake_host_instance tp_test_instance
#define fake_host_worker tp_test_worker
#define fake_host_parked tp_test_parked
#define fake_host_counter tp_test_counter
#define fake_host_log tp_test_log
