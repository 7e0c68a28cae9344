/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turn_login.h"

#include <string.h>

#include <turnpike/error.h>

#include "stun/attr.h"
#include "support/suite.h"

#define NONCE_PLAIN "f//499k954d6OL34oL9FSTvy64sA"
/* RFC 8489 section 9.2: cookie, then 24 feature bits in base64. */
#define NONCE_ALGORITHMS "obMatJos2gAAAf//499k954d6OL34oL9FSTvy64sA"
#define NONCE_BOTH "obMatJos2wAAAf//499k954d6OL34oL9FSTvy64sA"

static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "0123456789a";

struct challenge {
	uint8_t bytes[1024];
	struct tp_stun_msg msg;
};

/* @algorithms: ends with 0; NULL: no PASSWORD-ALGORITHMS. */
static void challenge_make(struct challenge *challenge, const char *nonce,
			   const uint16_t *algorithms)
{
	struct tp_build build;
	const char *reason;
	size_t count = 0;

	tp_build_init(&build, challenge->bytes, sizeof(challenge->bytes), TP_STUN_ALLOCATE,
		      TP_STUN_ERROR, transaction_id);
	tp_build_error_code(&build, 401, NULL);
	tp_build_string(&build, TP_ATTR_REALM, "example.org");
	if (nonce != NULL) {
		tp_build_string(&build, TP_ATTR_NONCE, nonce);
	}
	if (algorithms != NULL) {
		while (algorithms[count] != 0) {
			count++;
		}
		tp_build_password_algorithms(&build, algorithms, count);
	}
	CU_ASSERT_NOT_EQUAL_FATAL(tp_build_finish(&build), 0);
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&challenge->msg, challenge->bytes,
						tp_build_finish(&build), &reason),
			      0);
}

struct request {
	uint8_t bytes[2048];
	struct tp_stun_msg msg;
};

static void request_make(struct request *request, const struct tp_turn_login *login)
{
	struct tp_build build;
	const char *reason;

	tp_build_init(&build, request->bytes, sizeof(request->bytes), TP_STUN_ALLOCATE,
		      TP_STUN_REQUEST, transaction_id);
	tp_turn_login_write(login, &build);
	CU_ASSERT_NOT_EQUAL_FATAL(tp_build_finish(&build), 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_stun_msg_parse(&request->msg, request->bytes, tp_build_finish(&build), &reason),
		0);
}

static bool has(const struct request *request, uint16_t type)
{
	return tp_stun_msg_find(&request->msg, type) != NULL;
}

/* RFC 8489 section 9.2.3.1. */
static void first_request_carries_nothing(void)
{
	struct tp_turn_login login;
	struct request request;

	tp_turn_login_init(&login, "alice", "wonderland", false);
	request_make(&request, &login);
	CU_ASSERT_EQUAL(request.msg.attr_count, 0);
	tp_turn_login_fini(&login);
}

/* RFC 5389 section 10.2: servers that know no algorithms. */
static void old_server_gets_md5(void)
{
	struct tp_turn_login login;
	struct challenge challenge;
	struct request request;
	const char *problem;

	tp_turn_login_init(&login, "alice", "wonderland", true);
	challenge_make(&challenge, NONCE_PLAIN, NULL);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), 0);
	request_make(&request, &login);
	CU_ASSERT_TRUE(has(&request, TP_ATTR_USERNAME));
	CU_ASSERT_TRUE(has(&request, TP_ATTR_REALM));
	CU_ASSERT_TRUE(has(&request, TP_ATTR_NONCE));
	CU_ASSERT_TRUE(has(&request, TP_ATTR_MESSAGE_INTEGRITY));
	CU_ASSERT_FALSE(has(&request, TP_ATTR_PASSWORD_ALGORITHM));
	CU_ASSERT_FALSE(has(&request, TP_ATTR_MESSAGE_INTEGRITY_SHA256));
	CU_ASSERT_EQUAL(tp_integrity_check(&request.msg, &login.key, false), 0);
	CU_ASSERT_STRING_EQUAL(tp_turn_login_algorithm(&login), "MD5");
	tp_turn_login_fini(&login);
}

/* RFC 8489 section 9.2.5: the first known one on the list; SHA-256 where preferred. */
static void algorithm_is_chosen_from_the_list(void)
{
	static const struct {
		uint16_t list[4];
		bool prefer_sha256;
		uint16_t chosen;
	} cases[] = {
		{{TP_PASSWORD_SHA256, TP_PASSWORD_MD5, 0}, false, TP_PASSWORD_SHA256},
		{{TP_PASSWORD_MD5, TP_PASSWORD_SHA256, 0}, false, TP_PASSWORD_MD5},
		{{TP_PASSWORD_MD5, TP_PASSWORD_SHA256, 0}, true, TP_PASSWORD_SHA256},
		{{77, TP_PASSWORD_MD5, 0}, false, TP_PASSWORD_MD5},
		{{TP_PASSWORD_MD5, 0}, true, TP_PASSWORD_MD5},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_turn_login login;
		struct challenge challenge;
		struct request request;
		struct tp_view parameters;
		const char *problem;
		uint16_t algorithm = 0;

		tp_turn_login_init(&login, "alice", "wonderland", cases[i].prefer_sha256);
		challenge_make(&challenge, NONCE_ALGORITHMS, cases[i].list);
		CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), 0);
		request_make(&request, &login);
		CU_ASSERT_TRUE(has(&request, TP_ATTR_PASSWORD_ALGORITHMS));
		CU_ASSERT_TRUE_FATAL(has(&request, TP_ATTR_PASSWORD_ALGORITHM));
		CU_ASSERT_EQUAL(tp_attr_read_password_algorithm(
					tp_stun_msg_find(&request.msg, TP_ATTR_PASSWORD_ALGORITHM),
					&algorithm, &parameters),
				0);
		CU_ASSERT_EQUAL(algorithm, cases[i].chosen);
		CU_ASSERT_EQUAL(tp_integrity_check(&request.msg, &login.key, true), 0);
		CU_ASSERT_FALSE(has(&request, TP_ATTR_MESSAGE_INTEGRITY));
		tp_turn_login_fini(&login);
	}
}

/* RFC 8489 section 9.2.5: bit 1 of the cookie asks for USERHASH. */
static void username_is_hashed_where_asked(void)
{
	static const uint16_t list[] = {TP_PASSWORD_SHA256, 0};
	struct tp_turn_login login;
	struct challenge challenge;
	struct request request;
	const char *problem;

	tp_turn_login_init(&login, "alice", "wonderland", false);
	challenge_make(&challenge, NONCE_BOTH, list);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), 0);
	request_make(&request, &login);
	CU_ASSERT_TRUE(has(&request, TP_ATTR_USERHASH));
	CU_ASSERT_FALSE(has(&request, TP_ATTR_USERNAME));
	tp_turn_login_fini(&login);
}

/* RFC 8489 section 9.2.1: the cookie promises a list that somebody has taken out. */
static void bid_down_is_not_answered(void)
{
	static const uint16_t unknown[] = {77, 0};
	struct tp_turn_login login;
	struct challenge challenge;
	const char *problem = NULL;

	tp_turn_login_init(&login, "alice", "wonderland", false);
	challenge_make(&challenge, NONCE_ALGORITHMS, NULL);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), TP_EPROTO);
	CU_ASSERT_PTR_NOT_NULL(problem);
	challenge_make(&challenge, NONCE_ALGORITHMS, unknown);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), TP_EPROTO);
	challenge_make(&challenge, NULL, NULL);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), TP_EPROTO);
	CU_ASSERT_FALSE(login.challenged);
	tp_turn_login_fini(&login);
}

static void without_credentials_there_is_no_answer(void)
{
	struct tp_turn_login login;
	struct challenge challenge;
	const char *problem = NULL;

	tp_turn_login_init(&login, NULL, NULL, false);
	challenge_make(&challenge, NONCE_PLAIN, NULL);
	CU_ASSERT_EQUAL(tp_turn_login_challenge(&login, &challenge.msg, &problem), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(problem);
	tp_turn_login_fini(&login);
}

TEST_SUITE("turn_login", TEST(first_request_carries_nothing), TEST(old_server_gets_md5),
	   TEST(algorithm_is_chosen_from_the_list), TEST(username_is_hashed_where_asked),
	   TEST(bid_down_is_not_answered), TEST(without_credentials_there_is_no_answer));
