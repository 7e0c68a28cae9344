/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "support/suite.h"

struct fixture {
	int fds[2]; /* the stream's, the other end's */
	struct tp_load_stream *stream;
	unsigned messages;
	size_t bytes;
	uint8_t last[64];
};

static void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, f->fds), 0);
	CU_ASSERT_EQUAL_FATAL(tp_load_stream_create(&f->stream), 0);
}

static void fixture_close(struct fixture *f)
{
	free(f->stream);
	close(f->fds[0]);
	if (f->fds[1] >= 0) {
		close(f->fds[1]);
	}
}

static void take(void *owner, const uint8_t *bytes, size_t len)
{
	struct fixture *f = owner;

	f->messages++;
	f->bytes += len;
	memcpy(f->last, bytes, len < sizeof(f->last) ? len : sizeof(f->last));
}

static int read_all(struct fixture *f)
{
	return tp_load_stream_read(f->stream, f->fds[0], take, f);
}

static void arrive(struct fixture *f, const void *bytes, size_t len)
{
	CU_ASSERT_EQUAL_FATAL(send(f->fds[1], bytes, len, MSG_DONTWAIT), (ssize_t)len);
}

/* RFC 8656 section 12.5: padding belongs to the message on a stream. */
static const uint8_t channel_data[] = {0x40, 0x00, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0};

static void hands_on_whole_messages_however_they_are_cut(void)
{
	uint8_t twice[2 * sizeof(channel_data)];

	memcpy(twice, channel_data, sizeof(channel_data));
	memcpy(twice + sizeof(channel_data), channel_data, sizeof(channel_data));
	for (size_t at = 1; at < sizeof(twice); at++) {
		struct fixture f;

		fixture_open(&f);
		arrive(&f, twice, at);
		CU_ASSERT_EQUAL(read_all(&f), 0);
		CU_ASSERT_EQUAL(f.messages, at / sizeof(channel_data));
		arrive(&f, twice + at, sizeof(twice) - at);
		CU_ASSERT_EQUAL(read_all(&f), 0);
		CU_ASSERT_EQUAL(f.messages, 2);
		CU_ASSERT_EQUAL(f.bytes, sizeof(twice));
		CU_ASSERT_EQUAL(memcmp(f.last, channel_data, sizeof(channel_data)), 0);
		fixture_close(&f);
	}
}

static void tells_of_the_end_and_of_what_is_no_message(void)
{
	static const uint8_t garbage[] = {0xff, 0, 0, 0};
	struct fixture f;

	fixture_open(&f);
	CU_ASSERT_EQUAL(read_all(&f), 0); /* nothing there yet */
	arrive(&f, garbage, sizeof(garbage));
	CU_ASSERT_EQUAL(read_all(&f), TP_EPROTO);
	fixture_close(&f);

	fixture_open(&f);
	close(f.fds[1]);
	f.fds[1] = -1;
	CU_ASSERT_EQUAL(read_all(&f), TP_EIO);
	CU_ASSERT_EQUAL(
		tp_load_stream_write(f.stream, f.fds[0], channel_data, sizeof(channel_data)),
		TP_EIO);
	fixture_close(&f);
}

/* Read at the other end until nothing is there; returns how many bytes. */
static size_t swallow(struct fixture *f, uint8_t *expected)
{
	uint8_t bytes[4096];
	size_t total = 0;
	ssize_t got;

	while ((got = recv(f->fds[1], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			CU_ASSERT_EQUAL_FATAL(bytes[i], *expected);
			*expected = (uint8_t)(*expected + 1);
		}
		total += (size_t)got;
	}
	return total;
}

static void keeps_order_when_the_kernel_takes_no_more(void)
{
	struct fixture f;
	uint8_t bytes[256 * 100];
	uint8_t expected = 0;
	size_t written = 0;
	int err;

	fixture_open(&f);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)i;
	}
	while ((err = tp_load_stream_write(f.stream, f.fds[0], bytes, sizeof(bytes))) == 0) {
		written += sizeof(bytes);
	}
	CU_ASSERT_EQUAL(err, TP_EAGAIN);
	CU_ASSERT_EQUAL(tp_load_stream_flush(f.stream, f.fds[0]), TP_EAGAIN);
	written -= swallow(&f, &expected);
	CU_ASSERT_NOT_EQUAL(written, 0);
	CU_ASSERT_EQUAL(tp_load_stream_flush(f.stream, f.fds[0]), 0);
	CU_ASSERT_EQUAL(swallow(&f, &expected), written);
	CU_ASSERT_EQUAL(tp_load_stream_write(f.stream, f.fds[0], bytes, 1), 0);
	fixture_close(&f);
}

TEST_SUITE("load_stream", TEST(hands_on_whole_messages_however_they_are_cut),
	   TEST(tells_of_the_end_and_of_what_is_no_message),
	   TEST(keeps_order_when_the_kernel_takes_no_more));
