/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "support/suite.h"
#include "support/turn_fixture.h"

/* What plugins hear of an allocation's life: turnpike-events(7). */

static struct turn_fixture f;

/* --- a handler that writes down what it is told ---------------------------------- */

static char told[1024];
static uint64_t told_id;

static void write_down(const struct tp_allocation_view *allocation, const char *what)
{
	size_t len = strlen(told);

	told_id = allocation->id;
	snprintf(told + len, sizeof(told) - len, "%s%s", len == 0 ? "" : " ", what);
}

static void write_peer(const struct tp_allocation_view *allocation, const char *what,
		       const struct tp_addr *peer_addr)
{
	char addr[TP_ADDR_STRING];
	char text[128];

	snprintf(text, sizeof(text), "%s(%s)", what, tp_addr_format(peer_addr, addr));
	write_down(allocation, text);
}

static void tell(enum tp_event event, const void *payload)
{
	const struct tp_refresh_allocation *refreshed = payload;
	const struct tp_create_permission *permission = payload;
	const struct tp_create_channel *channel = payload;
	char text[64];

	switch (event) {
	case TP_EVENT_on_turn_refresh_allocation:
		snprintf(text, sizeof(text), "refresh(%u)", refreshed->lifetime_s);
		write_down(refreshed->allocation, text);
		break;
	case TP_EVENT_on_turn_create_permission:
		write_peer(permission->allocation, "+permission", permission->peer_addr);
		break;
	case TP_EVENT_on_turn_delete_permission:
		write_peer(permission->allocation, "-permission", permission->peer_addr);
		break;
	case TP_EVENT_on_turn_create_channel:
		CU_ASSERT_EQUAL(channel->channel, 0x4000);
		write_peer(channel->allocation, "+channel", channel->peer_addr);
		break;
	case TP_EVENT_on_turn_delete_channel:
		CU_ASSERT_EQUAL(channel->channel, 0x4000);
		write_peer(channel->allocation, "-channel", channel->peer_addr);
		break;
	case TP_EVENT_on_turn_delete_allocation:
		write_down(((const struct tp_delete_allocation *)payload)->allocation, "end");
		break;
	default:
		break;
	}
}

static void open_told(void)
{
	turn_fixture_open(&f);
	told[0] = '\0';
	told_id = 0;
	turn_fixture_allocate(&f);
	test_hooks.tell = tell;
}

static void hear(const char *expected)
{
	CU_ASSERT_STRING_EQUAL(told, expected);
	told[0] = '\0';
}

/* --- refresh ---------------------------------------------------------------------- */

static uint16_t deny_code;
static uint32_t shorter_s;
static uint32_t asked_s;

static enum tp_verdict judge(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	if (event != TP_EVENT_on_turn_before_refresh) {
		return TP_PASS;
	}
	asked_s = ((const struct tp_before_refresh *)payload)->lifetime_s;
	if (shorter_s != 0) {
		tp_request_shorten_lifetime(request, shorter_s);
		return TP_ALLOW;
	}
	return tp_request_deny(request, deny_code, NULL);
}

static void a_refused_refresh_changes_nothing(void)
{
	open_told();
	test_hooks.ask = judge;
	shorter_s = 0;
	deny_code = 0;
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 900), 403);
	CU_ASSERT_EQUAL(asked_s, 900);
	deny_code = 486;
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 486);
	CU_ASSERT_EQUAL(asked_s, 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_advance_s(&f, 600);
	hear("end");
	turn_fixture_close(&f);
}

static void a_gate_shortens_the_lifetime_of_a_refresh(void)
{
	const struct tp_stun_attr *attr;
	uint32_t granted_s = 0;

	open_told();
	test_hooks.ask = judge;
	shorter_s = 60;
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 900), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_u32(attr, &granted_s), 0);
	CU_ASSERT_EQUAL(granted_s, 60);
	hear("refresh(60)");
	turn_fixture_advance_s(&f, 60);
	hear("end");
	turn_fixture_close(&f);
}

static void each_refresh_is_told_but_not_the_end(void)
{
	uint64_t id;

	turn_fixture_open(&f);
	told[0] = '\0';
	id = turn_fixture_allocate(&f)->view.id;
	test_hooks.tell = tell;
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 700), 0);
	hear("refresh(700)");
	CU_ASSERT_EQUAL(told_id, id);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	hear("end");
	CU_ASSERT_EQUAL(told_id, id);
	turn_fixture_close(&f);
}

/* --- permissions and channels ------------------------------------------------------ */

static void a_permission_is_told_once_until_it_runs_out(void)
{
	open_told();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	hear("+permission(192.0.2.200)");
	turn_fixture_advance_s(&f, 200);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	hear("");
	turn_fixture_advance_s(&f, 1);
	hear("-permission(192.0.2.200)");
	turn_fixture_close(&f);
}

/* A channel refreshes the permission for its peer's address: RFC 8656 section 12.3. */
static void a_channel_is_told_with_the_permission_it_installs(void)
{
	struct tp_addr other;

	open_told();
	other = turn_fixture_addr("192.0.2.200:9001");
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	hear("+permission(192.0.2.200) +channel(192.0.2.200:9000)");
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &other), 0);
	hear("");
	turn_fixture_close(&f);
	hear("-channel(192.0.2.200:9000) -permission(192.0.2.200) end");
}

static void an_expired_channel_that_is_bound_anew_is_told_anew(void)
{
	open_told();
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	told[0] = '\0';
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	hear("+permission(192.0.2.200) +channel(192.0.2.200:9000)");
	turn_fixture_advance_s(&f, 300);
	hear("-permission(192.0.2.200)");
	turn_fixture_advance_s(&f, 300);
	hear("-channel(192.0.2.200:9000)");
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	hear("+permission(192.0.2.200) +channel(192.0.2.200:9000)");
	turn_fixture_advance_s(&f, 900); /* also what is remembered of it */
	hear("-permission(192.0.2.200) -channel(192.0.2.200:9000)");
	turn_fixture_close(&f);
	hear("end");
}

static void what_is_left_ends_before_its_allocation(void)
{
	open_told();
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	told[0] = '\0';
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	hear("-channel(192.0.2.200:9000) -permission(192.0.2.200) end");
	turn_fixture_close(&f);
}

TEST_SUITE("life_events", TEST(a_refused_refresh_changes_nothing),
	   TEST(a_gate_shortens_the_lifetime_of_a_refresh),
	   TEST(each_refresh_is_told_but_not_the_end),
	   TEST(a_permission_is_told_once_until_it_runs_out),
	   TEST(a_channel_is_told_with_the_permission_it_installs),
	   TEST(an_expired_channel_that_is_bound_anew_is_told_anew),
	   TEST(what_is_left_ends_before_its_allocation));
