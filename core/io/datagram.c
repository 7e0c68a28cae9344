/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram.h"

#include <string.h>

#include <turnpike/error.h>

#include "io/datagram_backends.h"
#include "io/loop.h"

const struct tp_datagram_backend *const tp_datagram_backends[] = {
#ifdef TP_HAVE_URING
	&tp_datagram_uring,
#endif
	&tp_datagram_mmsg,
	&tp_datagram_plain,
	NULL,
};

const struct tp_datagram_backend *tp_datagram_backend_named(const char *name)
{
	for (size_t i = 0; tp_datagram_backends[i] != NULL; i++) {
		if (strcmp(tp_datagram_backends[i]->name, name) == 0) {
			return tp_datagram_backends[i];
		}
	}
	return NULL;
}

bool tp_datagram_backend_usable(const struct tp_datagram_backend *backend)
{
	return backend->usable == NULL || backend->usable();
}

const struct tp_datagram_backend *tp_datagram_backend_best(void)
{
	const struct tp_datagram_backend *const *at = tp_datagram_backends;

	while (at[1] != NULL && !tp_datagram_backend_usable(*at)) {
		at++;
	}
	return *at;
}

int tp_datagram_open(struct tp_loop *loop, const struct tp_datagram_options *options,
		     struct tp_datagram **out)
{
	return tp_loop_backend(loop)->open(loop, options, -1, out);
}

int tp_datagram_adopt(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		      struct tp_datagram **out)
{
	int err = TP_EINVAL;

	if (fd != -1) {
		err = tp_loop_backend(loop)->open(loop, options, fd, out);
	}
	if (err != 0) {
		tp_socket_close(&fd);
	}
	return err;
}

int tp_datagram_release(struct tp_datagram **datagram)
{
	struct tp_datagram *gone = *datagram;

	*datagram = NULL;
	return gone->backend->release(gone);
}

void tp_datagram_close(struct tp_datagram **datagram)
{
	struct tp_datagram *gone = *datagram;

	if (gone == NULL) {
		return;
	}
	*datagram = NULL;
	gone->backend->close(gone);
}

void tp_datagram_count_drops(struct tp_datagram *datagram)
{
	if (datagram->backend->count_drops != NULL) {
		datagram->backend->count_drops(datagram);
	}
}

int tp_datagram_send(struct tp_datagram *datagram, const struct tp_packet *packet)
{
	return datagram->backend->send(datagram, packet, false);
}

int tp_datagram_forward(struct tp_datagram *datagram, const struct tp_packet *packet)
{
	return datagram->backend->send(datagram, packet, true);
}
