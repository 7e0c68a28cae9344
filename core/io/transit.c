/* SPDX-License-Identifier: Apache-2.0 */
#include "io/transit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/log.h"
#include "io/dialer.h"
#include "io/loop.h"
#include "io/proxy_header.h"
#include "io/socket.h"
#include "io/splice.h"

struct tp_transit {
	struct tp_list link;
	struct tp_transits *transits;
	int client_fd; /* -1: joined, the splice has it */
	struct tp_five_tuple five_tuple;
	struct tp_dialer *dialer; /* NULL: connected */
	struct tp_splice *splice;
	struct tp_timer timer;
	uint64_t moved_ms;
};

/* --- end ------------------------------------------------------------------ */

static void end(struct tp_transit *transit)
{
	tp_loop_cancel(transit->transits->loop, &transit->timer);
	tp_dialer_free(&transit->dialer);
	tp_splice_free(&transit->splice);
	tp_socket_close(&transit->client_fd);
	tp_list_remove(&transit->link);
	transit->transits->count--;
	free(transit);
}

static void fail(struct tp_transit *transit, const char *problem)
{
	const struct tp_transits *transits = transit->transits;
	const struct tp_back_end *back_end = transits->back_end;
	char text[TP_ADDR_STRING];

	tp_counter_add(transits->failed, 1);
	TP_LOG(TP_LOG_WARN, "io", "back end cannot be reached address=%s problem=\"%s\"",
	       back_end->path != NULL ? back_end->path : tp_addr_format(&back_end->addr, text),
	       problem);
	end(transit);
}

/* --- time ----------------------------------------------------------------- */

static void arm_after(struct tp_transit *transit, uint64_t from_ms, uint32_t wait_ms)
{
	if (wait_ms != 0) {
		tp_loop_arm(transit->transits->loop, &transit->timer, from_ms + wait_ms);
	}
}

/* It is not moved with each piece: it looks again when it fires. */
static void on_timer(struct tp_timer *timer)
{
	struct tp_transit *transit = tp_container_of(timer, struct tp_transit, timer);
	const struct tp_transits *transits = transit->transits;

	if (transit->splice == NULL) {
		fail(transit, "no answer in time");
	} else if (tp_loop_now_ms(transits->loop) >=
		   transit->moved_ms + transits->idle_timeout_ms) {
		end(transit);
	} else {
		arm_after(transit, transit->moved_ms, transits->idle_timeout_ms);
	}
}

/* --- joined --------------------------------------------------------------- */

static void on_moved(void *owner, enum tp_splice_way way, size_t len)
{
	struct tp_transit *transit = owner;

	(void)way;
	(void)len;
	transit->moved_ms = tp_loop_now_ms(transit->transits->loop);
}

static void on_ended(void *owner)
{
	end(owner);
}

/* It fits: nothing was written before. Errors: TP_EIO. */
static int give_header(const struct tp_transit *transit, int server_fd)
{
	uint8_t header[TP_PROXY_HEADER_WRITTEN_MAX];
	size_t len;

	if (!transit->transits->back_end->proxy_header) {
		return 0;
	}
	len = tp_proxy_header_write(header, &transit->five_tuple.client_addr,
				    &transit->five_tuple.server_addr);
	return send(server_fd, header, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0
											 : TP_EIO;
}

/* Each side may go on as long as it likes when the other has ended. */
static int join(struct tp_transit *transit, int *server_fd)
{
	const struct tp_splice_handler handler = {
		.owner = transit,
		.moved = on_moved,
		.ended = on_ended,
	};
	struct tp_stream_remains client = {.fd = transit->client_fd};
	int err = give_header(transit, *server_fd);

	if (err == 0) {
		err = tp_splice_create(transit->transits->loop, &client, server_fd, &handler,
				       &transit->splice);
	}
	transit->client_fd = client.fd;
	return err;
}

/* --- connecting ----------------------------------------------------------- */

static void on_dialed(void *owner, int server_fd)
{
	struct tp_transit *transit = owner;
	struct tp_transits *transits = transit->transits;
	int err;

	if (server_fd == -1) {
		fail(transit, strerrordesc_np(errno));
		return;
	}
	tp_dialer_free(&transit->dialer);
	err = join(transit, &server_fd);
	if (err != 0) {
		tp_socket_close(&server_fd);
		fail(transit, tp_error_string(err));
		return;
	}
	tp_loop_cancel(transits->loop, &transit->timer);
	transit->moved_ms = tp_loop_now_ms(transits->loop);
	arm_after(transit, transit->moved_ms, transits->idle_timeout_ms);
}

static int dial(struct tp_transit *transit)
{
	struct tp_loop *loop = transit->transits->loop;
	const struct tp_back_end *back_end = transit->transits->back_end;

	if (back_end->path != NULL) {
		return tp_dialer_start_path(loop, back_end->path, on_dialed, transit,
					    &transit->dialer);
	}
	return tp_dialer_start(loop, NULL, &back_end->addr, on_dialed, transit, &transit->dialer);
}

/* --- life ----------------------------------------------------------------- */

int tp_transits_add(struct tp_transits *transits, int fd, const struct tp_five_tuple *five_tuple)
{
	struct tp_transit *transit = calloc(1, sizeof(*transit));
	int err;

	tp_counter_add(transits->passed_on, 1);
	if (transit == NULL) {
		tp_socket_close(&fd);
		return TP_ENOMEM;
	}
	transit->transits = transits;
	transit->client_fd = fd;
	transit->five_tuple = *five_tuple;
	tp_timer_init(&transit->timer, on_timer);
	tp_list_append(&transits->all, &transit->link);
	transits->count++;
	err = dial(transit);
	if (err != 0) {
		fail(transit, strerrordesc_np(errno));
		return err;
	}
	arm_after(transit, tp_loop_now_ms(transits->loop), transits->connect_timeout_ms);
	return 0;
}

void tp_transits_init(struct tp_transits *transits, struct tp_loop *loop,
		      const struct tp_back_end *back_end, uint32_t connect_timeout_ms,
		      uint32_t idle_timeout_ms)
{
	*transits = (struct tp_transits){
		.loop = loop,
		.back_end = back_end,
		.connect_timeout_ms = connect_timeout_ms,
		.idle_timeout_ms = idle_timeout_ms,
	};
	tp_list_init(&transits->all);
	if (back_end != NULL) {
		transits->passed_on = tp_counter_named("io.connections_passed_on",
						       "connections passed on to a back end");
		transits->failed = tp_counter_named("io.back_end_failures",
						    "connections whose back end was not reached");
	}
}

void tp_transits_fini(struct tp_transits *transits)
{
	while (!tp_list_empty(&transits->all)) {
		end(tp_container_of(transits->all.next, struct tp_transit, link));
	}
}
