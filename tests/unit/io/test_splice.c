/* SPDX-License-Identifier: Apache-2.0 */
#include "io/splice.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "io/pipes.h"
#include "io/socket.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define BULK (3 * 1024 * 1024)
#define LINGER_MS 30000

/* A program that talks over one end, without waiting. */
struct program {
	int fd;
	size_t sent;
	size_t received;
	bool same; /* what came is what the other has sent */
	bool ended;
	bool reset;
};

struct fixture {
	struct io_fixture io;
	struct tp_splice *splice;
	struct program first;
	struct program second;
	struct tp_stream_remains remains;
	int second_fd;
	uint32_t linger_ms;
	size_t moved[2];
	size_t allowance[2]; /* SIZE_MAX: no limit */
	size_t asked;
	bool ended;
};

/* Byte @at of what anybody sends. */
static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16));
}

static size_t allow(void *owner, enum tp_splice_way way, size_t max, uint32_t *wait_ms)
{
	struct fixture *f = owner;

	f->asked++;
	*wait_ms = 50;
	return f->allowance[way] < max ? f->allowance[way] : max;
}

static void moved(void *owner, enum tp_splice_way way, size_t len)
{
	struct fixture *f = owner;

	f->moved[way] += len;
	if (f->allowance[way] != SIZE_MAX) {
		f->allowance[way] -= len < f->allowance[way] ? len : f->allowance[way];
	}
}

static void ended(void *owner)
{
	struct fixture *f = owner;

	CU_ASSERT_FALSE(f->ended);
	f->ended = true;
	tp_splice_free(&f->splice);
}

/* A connection over loopback: ours and the program's end. */
static void connect_pair(const char *address, int *ours, int *theirs)
{
	const struct tp_socket_options options = {.bind_addr = io_addr(address)};
	struct sockaddr_storage sa;
	struct tp_addr addr;
	socklen_t len;
	int listener;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_listener(&options, &listener), 0);
	CU_ASSERT_EQUAL_FATAL(tp_socket_local_addr(listener, &addr), 0);
	len = tp_addr_to_sockaddr(&addr, &sa);
	*theirs = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(*theirs, (struct sockaddr *)&sa, len), 0);
	do { /* it is there in a moment */
		*ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (*ours == -1 && errno == EAGAIN);
	CU_ASSERT_NOT_EQUAL_FATAL(*ours, -1);
	close(listener);
}

static void fixture_open(struct fixture *f)
{
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	*f = (struct fixture){.allowance = {SIZE_MAX, SIZE_MAX}, .linger_ms = LINGER_MS};
	f->first.same = true;
	f->second.same = true;
	io_fixture_open(&f->io, NULL);
	connect_pair("127.0.0.1", &f->remains.fd, &f->first.fd);
	connect_pair("::1", &f->second_fd, &f->second.fd);
}

static void join(struct fixture *f)
{
	const struct tp_splice_handler handler = {f, f->linger_ms, allow, moved, ended};

	CU_ASSERT_EQUAL_FATAL(
		tp_splice_create(f->io.loop, &f->remains, &f->second_fd, &handler, &f->splice), 0);
	CU_ASSERT_EQUAL(f->remains.fd, -1);
	CU_ASSERT_EQUAL(f->second_fd, -1);
}

static void fixture_close(struct fixture *f)
{
	tp_splice_free(&f->splice);
	tp_stream_remains_fini(&f->remains);
	tp_socket_close(&f->second_fd);
	tp_socket_close(&f->first.fd);
	tp_socket_close(&f->second.fd);
	io_fixture_close(&f->io);
}

/* Send up to @until bytes in all, as far as the kernel takes them. */
static void say(struct program *program, size_t until)
{
	uint8_t bytes[16384];
	ssize_t len = 1;

	while (program->sent < until && len > 0) {
		size_t size = until - program->sent;

		size = size < sizeof(bytes) ? size : sizeof(bytes);
		for (size_t i = 0; i < size; i++) {
			bytes[i] = pattern(program->sent + i);
		}
		len = send(program->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		program->sent += len > 0 ? (size_t)len : 0;
	}
}

static void hear(struct program *program)
{
	uint8_t bytes[16384];
	ssize_t len;

	while ((len = recv(program->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < len; i++) {
			program->same &= bytes[i] == pattern(program->received + (size_t)i);
		}
		program->received += (size_t)len;
	}
	program->ended |= len == 0;
	program->reset |= len < 0 && errno == ECONNRESET;
}

static void talk(struct fixture *f, size_t forth, size_t back)
{
	for (int i = 0; i < 100000 && (f->second.received < forth || f->first.received < back);
	     i++) {
		say(&f->first, forth);
		say(&f->second, back);
		tp_loop_turn(f->io.loop);
		hear(&f->first);
		hear(&f->second);
	}
	CU_ASSERT_EQUAL(f->second.received, forth);
	CU_ASSERT_EQUAL(f->first.received, back);
	CU_ASSERT_TRUE(f->first.same);
	CU_ASSERT_TRUE(f->second.same);
}

static void settle(struct fixture *f)
{
	io_fixture_settle(&f->io);
	hear(&f->first);
	hear(&f->second);
}

static size_t kept_pipes(struct fixture *f)
{
	return tp_pipes_kept(tp_loop_pipes(f->io.loop));
}

static void bytes_go_both_ways_as_they_are(void)
{
	struct fixture f;

	fixture_open(&f);
	join(&f);
	talk(&f, BULK, BULK / 2);
	CU_ASSERT_EQUAL(f.moved[TP_SPLICE_FORTH], BULK);
	CU_ASSERT_EQUAL(f.moved[TP_SPLICE_BACK], BULK / 2);
	CU_ASSERT_FALSE(f.ended);
	fixture_close(&f);
}

/* A splice that has nothing to do holds no pipe. */
static void idle_pipes_are_shared(void)
{
	struct fixture f;
	size_t kept;

	fixture_open(&f);
	join(&f);
	talk(&f, 10, 10);
	settle(&f);
	kept = kept_pipes(&f);
	CU_ASSERT_TRUE(kept == 1 || kept == 2);
	talk(&f, 20, 20);
	settle(&f);
	CU_ASSERT_EQUAL(kept_pipes(&f), kept);
	fixture_close(&f);
}

static void without_descriptors_bytes_go_through_a_buffer(void)
{
	struct rlimit before;
	struct rlimit none;
	struct fixture f;

	fixture_open(&f);
	join(&f);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	talk(&f, BULK, BULK);
	setrlimit(RLIMIT_NOFILE, &before);
	CU_ASSERT_EQUAL(kept_pipes(&f), 0);
	fixture_close(&f);
}

static void what_had_been_read_goes_first(void)
{
	const size_t early = 40000; /* more than leaves at once */
	struct fixture f;

	fixture_open(&f);
	f.remains.rest = (struct tp_stream_rest){.bytes = malloc(early), .len = early};
	for (size_t i = 0; i < early; i++) {
		f.remains.rest.bytes[i] = pattern(i);
	}
	f.first.sent = early;
	join(&f);
	CU_ASSERT_PTR_NULL(f.remains.rest.bytes);
	talk(&f, BULK, 0);
	fixture_close(&f);
}

/* RFC 6062 section 3: what cannot be written is not read. */
static void slow_reader_slows_the_sender(void)
{
	struct fixture f;
	size_t stuck;

	fixture_open(&f);
	join(&f);
	for (int i = 0; i < 200; i++) {
		say(&f.first, (size_t)1 << 30);
		io_fixture_settle(&f.io);
	}
	stuck = f.first.sent;
	CU_ASSERT_TRUE(stuck < (size_t)64 << 20); /* what the kernel holds for two sockets */
	say(&f.first, (size_t)1 << 30);
	io_fixture_settle(&f.io);
	CU_ASSERT_EQUAL(f.first.sent, stuck);
	talk(&f, stuck, 0); /* and all of it arrives */
	talk(&f, stuck + BULK, 1000);
	fixture_close(&f);
}

static void end_of_one_follows_its_last_byte(void)
{
	struct fixture f;

	fixture_open(&f);
	join(&f);
	say(&f.first, 100000);
	shutdown(f.first.fd, SHUT_WR);
	settle(&f);
	CU_ASSERT_EQUAL(f.second.received, f.first.sent);
	CU_ASSERT_TRUE(f.second.ended);
	CU_ASSERT_FALSE(f.first.ended);
	CU_ASSERT_FALSE(f.ended);
	talk(&f, f.first.sent, 5000); /* the other may go on */
	shutdown(f.second.fd, SHUT_WR);
	settle(&f);
	CU_ASSERT_TRUE(f.first.ended);
	CU_ASSERT_TRUE(f.ended);
	fixture_close(&f);
}

static void half_is_closed_when_the_rest_is_silent(void)
{
	struct fixture f;

	fixture_open(&f);
	join(&f);
	close(f.second.fd);
	f.second.fd = -1;
	settle(&f);
	CU_ASSERT_TRUE(f.first.ended);
	CU_ASSERT_FALSE(f.ended);
	io_fixture_advance_ms(&f.io, LINGER_MS - 1);
	CU_ASSERT_FALSE(f.ended);
	io_fixture_advance_ms(&f.io, 2);
	CU_ASSERT_TRUE(f.ended);
	fixture_close(&f);
}

static void half_lives_on_when_nobody_sets_a_time(void)
{
	struct fixture f;

	fixture_open(&f);
	f.linger_ms = 0;
	join(&f);
	shutdown(f.second.fd, SHUT_WR);
	settle(&f);
	io_fixture_advance_ms(&f.io, UINT64_C(86400) * 1000);
	CU_ASSERT_FALSE(f.ended);
	talk(&f, 10, 0);
	fixture_close(&f);
}

static void half_lives_while_it_sends(void)
{
	struct fixture f;

	fixture_open(&f);
	join(&f);
	shutdown(f.second.fd, SHUT_WR);
	settle(&f);
	for (size_t i = 1; i <= 5; i++) {
		io_fixture_advance_ms(&f.io, LINGER_MS - 1000);
		talk(&f, i * 10, 0);
	}
	CU_ASSERT_FALSE(f.ended);
	fixture_close(&f);
}

static void reset_of_one_resets_the_other(void)
{
	const struct linger at_once = {1, 0};
	struct fixture f;

	fixture_open(&f);
	join(&f);
	talk(&f, 10, 10);
	setsockopt(f.first.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(f.first.fd);
	f.first.fd = -1;
	io_fixture_settle(&f.io);
	hear(&f.second);
	CU_ASSERT_TRUE(f.ended);
	CU_ASSERT_TRUE(f.second.reset);
	fixture_close(&f);
}

/* It may still be reading what the kernel holds for it. */
static void side_that_was_told_its_end_is_not_reset(void)
{
	const size_t len = 200000; /* more than reaches who does not read */
	const int room_bytes = 1 << 20;
	struct fixture f;

	fixture_open(&f);
	setsockopt(f.remains.fd, SOL_SOCKET, SO_SNDBUF, &room_bytes, sizeof(room_bytes));
	join(&f);
	for (int i = 0; i < 1000 && f.moved[TP_SPLICE_BACK] < len; i++) {
		say(&f.second, len);
		io_fixture_settle(&f.io);
	}
	CU_ASSERT_EQUAL(f.moved[TP_SPLICE_BACK], len);
	tp_socket_close(&f.second.fd);
	io_fixture_settle(&f.io);
	say(&f.first, 10); /* nobody takes it: that is answered with a reset */
	io_fixture_settle(&f.io);
	say(&f.first, 20);
	io_fixture_settle(&f.io);
	CU_ASSERT_TRUE(f.ended);
	for (int i = 0; i < 10000 && !f.first.ended && !f.first.reset; i++) {
		settle(&f);
	}
	CU_ASSERT_EQUAL(f.first.received, len);
	CU_ASSERT_TRUE(f.first.ended);
	fixture_close(&f);
}

static void freeing_it_closes_both(void)
{
	struct fixture f;

	fixture_open(&f);
	join(&f);
	talk(&f, 10, 10);
	tp_splice_free(&f.splice);
	settle(&f);
	CU_ASSERT_TRUE(f.first.ended);
	CU_ASSERT_TRUE(f.second.ended);
	CU_ASSERT_FALSE(f.ended);
	fixture_close(&f);
}

static void no_more_is_read_than_allowed(void)
{
	struct fixture f;
	size_t asked;

	fixture_open(&f);
	f.allowance[TP_SPLICE_FORTH] = 1000;
	join(&f);
	say(&f.first, 5000);
	settle(&f);
	CU_ASSERT_EQUAL(f.second.received, 1000);
	asked = f.asked;
	settle(&f);
	CU_ASSERT_EQUAL(f.asked, asked); /* it waits for its time */
	talk(&f, 1000, 300);             /* the other way is free */
	f.allowance[TP_SPLICE_FORTH] = 500;
	io_fixture_advance_ms(&f.io, 60);
	hear(&f.second);
	CU_ASSERT_EQUAL(f.second.received, 1500);
	f.allowance[TP_SPLICE_FORTH] = SIZE_MAX;
	io_fixture_advance_ms(&f.io, 60);
	hear(&f.second);
	CU_ASSERT_EQUAL(f.second.received, 5000);
	fixture_close(&f);
}

TEST_SUITE("splice", TEST(bytes_go_both_ways_as_they_are), TEST(idle_pipes_are_shared),
	   TEST(without_descriptors_bytes_go_through_a_buffer), TEST(what_had_been_read_goes_first),
	   TEST(slow_reader_slows_the_sender), TEST(end_of_one_follows_its_last_byte),
	   TEST(half_is_closed_when_the_rest_is_silent),
	   TEST(half_lives_on_when_nobody_sets_a_time), TEST(half_lives_while_it_sends),
	   TEST(reset_of_one_resets_the_other), TEST(side_that_was_told_its_end_is_not_reset),
	   TEST(freeing_it_closes_both), TEST(no_more_is_read_than_allowed));
