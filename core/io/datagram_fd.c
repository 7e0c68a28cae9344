/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_fd.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram_errors.h"
#include "io/loop.h"

static int open_fd(struct tp_datagram_fd *datagram, const struct tp_datagram_options *options)
{
	int err = 0;

	if (datagram->fd == -1) {
		err = tp_socket_open_udp(&options->socket, &datagram->fd);
	}
	datagram->datagram.local_addr = options->socket.bind_addr;
	if (err == 0 && datagram->datagram.local_addr.port == 0) {
		err = tp_socket_local_addr(datagram->fd, &datagram->datagram.local_addr);
	}
	datagram->wildcard = tp_addr_is_any(&datagram->datagram.local_addr);
	return err;
}

static int wait_readable(struct tp_datagram_fd *datagram, event_callback_fn readable)
{
	datagram->readable = event_new(tp_loop_event_base(datagram->datagram.loop), datagram->fd,
				       EV_READ | EV_PERSIST, readable, datagram);
	if (datagram->readable == NULL || event_add(datagram->readable, NULL) != 0) {
		return TP_ENOMEM;
	}
	return 0;
}

int tp_datagram_fd_init(struct tp_datagram_fd *datagram, struct tp_loop *loop,
			const struct tp_datagram_options *options, int fd,
			event_callback_fn readable)
{
	int err;

	*datagram = (struct tp_datagram_fd){
		.datagram =
			{
				.backend = tp_loop_backend(loop),
				.loop = loop,
				.owner = options->owner,
				.receive = options->receive,
			},
		.fd = fd,
		.segment_limit = UINT16_MAX,
		.drops = options->drops,
	};
	if (fd != -1) { /* those are its last owner's */
		(void)tp_socket_drops(fd, &datagram->drops_counted);
	}
	err = open_fd(datagram, options);
	if (err == 0) {
		err = tp_datagram_errors_open(datagram, options, fd != -1);
	}
	if (err == 0 && readable != NULL) {
		err = wait_readable(datagram, readable);
	}
	if (err != 0) {
		int opened = tp_datagram_fd_fini(datagram);

		if (fd == -1) {
			tp_socket_close(&opened);
		}
	}
	return err;
}

void tp_datagram_fd_count_drops(struct tp_datagram *datagram)
{
	struct tp_datagram_fd *opened = (struct tp_datagram_fd *)datagram;
	uint32_t drops;

	if (opened->drops != NULL && tp_socket_drops(opened->fd, &drops) == 0) {
		tp_counter_add(opened->drops, drops - opened->drops_counted);
		opened->drops_counted = drops;
	}
}

int tp_datagram_fd_fini(struct tp_datagram_fd *datagram)
{
	tp_datagram_fd_count_drops(&datagram->datagram);
	tp_datagram_errors_close(datagram);
	if (datagram->readable != NULL) {
		event_free(datagram->readable);
		datagram->readable = NULL;
	}
	return datagram->fd;
}

int tp_datagram_fd_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			event_callback_fn readable, struct tp_datagram **out)
{
	struct tp_datagram_fd *opened = malloc(sizeof(*opened));
	int err;

	if (opened == NULL) {
		return TP_ENOMEM;
	}
	err = tp_datagram_fd_init(opened, loop, options, fd, readable);
	if (err != 0) {
		free(opened);
		return err;
	}
	*out = &opened->datagram;
	return 0;
}

int tp_datagram_fd_release(struct tp_datagram *datagram)
{
	struct tp_datagram_fd *opened = (struct tp_datagram_fd *)datagram;
	int fd = tp_datagram_fd_fini(opened);

	free(opened);
	return fd;
}

void tp_datagram_fd_coalesce(struct tp_datagram_fd *datagram)
{
	const int on = 1;

	/* a kernel without it delivers them one by one */
	(void)setsockopt(datagram->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

void tp_datagram_fd_set_dont_fragment(struct tp_datagram_fd *datagram, bool wanted)
{
	bool ipv6 = datagram->datagram.local_addr.family == TP_FAMILY_IPV6;
	int value;

	if (datagram->dont_fragment == wanted) {
		return;
	}
	if (ipv6) {
		value = wanted ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;
		setsockopt(datagram->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value, sizeof(value));
	} else {
		value = wanted ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
		setsockopt(datagram->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value));
	}
	datagram->dont_fragment = wanted;
}
