/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rest_credential.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

/* printf '1433895918:alice' | openssl dgst -sha1 -hmac 'north#of;here' -binary | base64 */
static void is_what_servers_compute(void)
{
	struct tp_rest_credential credential;

	CU_ASSERT_EQUAL(tp_rest_credential_make(&credential, "north#of;here", "alice", 1433895918),
			0);
	CU_ASSERT_STRING_EQUAL(credential.user, "1433895918:alice");
	CU_ASSERT_STRING_EQUAL(credential.password, "LJZGJli/um2IU0UTM1J5M3iH5qk=");
}

static void name_may_be_left_out(void)
{
	struct tp_rest_credential credential;

	CU_ASSERT_EQUAL(tp_rest_credential_make(&credential, "secret", NULL, 1433895918), 0);
	CU_ASSERT_STRING_EQUAL(credential.user, "1433895918");
}

static void refuses_a_name_that_is_too_long(void)
{
	struct tp_rest_credential credential;
	char name[TP_REST_USER_SIZE + 1];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CU_ASSERT_EQUAL(tp_rest_credential_make(&credential, "secret", name, 1433895918),
			TP_ERANGE);
}

TEST_SUITE("rest_credential", TEST(is_what_servers_compute), TEST(name_may_be_left_out),
	   TEST(refuses_a_name_that_is_too_long));
