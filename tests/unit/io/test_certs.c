/* SPDX-License-Identifier: Apache-2.0 */
#include "io/certs.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

#define DIRECTORY "tests/fixtures/certs/"

static void pair_loads(void)
{
	struct tp_certs *certs = NULL;
	struct tp_certs *shared;
	char problem[256];

	CU_ASSERT_EQUAL(tp_certs_load(DIRECTORY "localhost.pem", DIRECTORY "localhost.key", problem,
				      &certs),
			0);
	shared = tp_certs_ref(certs);
	tp_certs_unref(&certs);
	CU_ASSERT_PTR_NULL(certs);
	tp_certs_unref(&shared);
	tp_certs_unref(&shared); /* NULL inside is fine */
}

static void what_does_not_load_is_named(void)
{
	static const struct {
		const char *certificate;
		const char *key;
		int err;
		const char *named;
	} cases[] = {
		{DIRECTORY "none.pem", DIRECTORY "localhost.key", TP_ENOENT, "none.pem"},
		{DIRECTORY "localhost.pem", DIRECTORY "none.key", TP_ENOENT, "none.key"},
		{DIRECTORY "README", DIRECTORY "localhost.key", TP_EINVAL, "README"},
		{DIRECTORY "localhost.pem", DIRECTORY "README", TP_EINVAL, "README"},
		{DIRECTORY "localhost.key", DIRECTORY "localhost.key", TP_EINVAL, "localhost.key"},
		{DIRECTORY "localhost.pem", DIRECTORY "other.key", TP_EINVAL, "localhost.pem"},
		{DIRECTORY "localhost.pem", DIRECTORY "encrypted.key", TP_EINVAL, "encrypted.key"},
		{DIRECTORY, DIRECTORY "localhost.key", TP_EINVAL, DIRECTORY},
		{"/dev/zero", DIRECTORY "localhost.key", TP_EINVAL, "/dev/zero"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_certs *certs = NULL;
		char problem[256] = "";

		CU_ASSERT_EQUAL(tp_certs_load(cases[i].certificate, cases[i].key, problem, &certs),
				cases[i].err);
		CU_ASSERT_PTR_NULL(certs);
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].named));
	}
}

static void pair_that_does_not_load_leaves_the_others(void)
{
	struct tp_certs *certs = NULL;
	char problem[256] = "";

	CU_ASSERT_EQUAL_FATAL(tp_certs_load(DIRECTORY "localhost.pem", DIRECTORY "localhost.key",
					    problem, &certs),
			      0);
	CU_ASSERT_EQUAL(tp_certs_add(certs, DIRECTORY "relay.pem", DIRECTORY "other.key", problem),
			TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "relay.pem"));
	CU_ASSERT_EQUAL(tp_certs_add(certs, DIRECTORY "relay.pem", DIRECTORY "relay.key", problem),
			0);
	tp_certs_unref(&certs);
}

static void client_may_trust_a_file(void)
{
	struct tp_certs *certs = NULL;
	char problem[256] = "";

	CU_ASSERT_EQUAL(tp_certs_client(DIRECTORY "localhost.pem", true, problem, &certs), 0);
	tp_certs_unref(&certs);
	CU_ASSERT_EQUAL(tp_certs_client(NULL, false, problem, &certs), 0);
	tp_certs_unref(&certs);
	CU_ASSERT_EQUAL(tp_certs_client(DIRECTORY "none.pem", true, problem, &certs), TP_ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "none.pem"));
	CU_ASSERT_EQUAL(tp_certs_client(DIRECTORY "README", true, problem, &certs), TP_EINVAL);
}

TEST_SUITE("certs", TEST(pair_loads), TEST(what_does_not_load_is_named),
	   TEST(pair_that_does_not_load_leaves_the_others), TEST(client_may_trust_a_file));
