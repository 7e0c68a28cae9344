/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_segments.h"

#include <string.h>
#include <sys/mman.h>

#include <turnpike/error.h>

#include "io/datagram_fd.h"

/* What the kernel puts together at most: one datagram's length, so many segments. */
#define SEGMENTS_MAX 128
#define ROOM (TP_PACKET_HEADROOM + TP_PACKET_TAILROOM)
#define SIZE (16 * (TP_DATAGRAM_MAX + SEGMENTS_MAX * ROOM))

int tp_segments_init(struct tp_segments *segments)
{
	void *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*segments = (struct tp_segments){.bytes = bytes == MAP_FAILED ? NULL : bytes};
	return segments->bytes == NULL ? TP_ENOMEM : 0;
}

void tp_segments_fini(struct tp_segments *segments)
{
	if (segments->bytes != NULL) {
		munmap(segments->bytes, SIZE);
		segments->bytes = NULL;
	}
}

void tp_segments_clear(struct tp_segments *segments)
{
	segments->used = 0;
}

bool tp_segments_have_room(const struct tp_segments *segments, size_t len, size_t segment_size)
{
	size_t count = (len + segment_size - 1) / segment_size;

	return len + count * ROOM <= SIZE - segments->used;
}

static uint8_t *copy(struct tp_segments *segments, const uint8_t *bytes, size_t len)
{
	uint8_t *at = segments->bytes + segments->used + TP_PACKET_HEADROOM;

	memcpy(at, bytes, len);
	segments->used += TP_PACKET_HEADROOM + len + TP_PACKET_TAILROOM;
	return at;
}

void tp_segments_deliver(struct tp_segments *segments, const struct tp_packet *whole,
			 size_t segment_size,
			 bool (*deliver)(void *context, struct tp_packet *packet), void *context)
{
	bool go_on = true;

	for (size_t at = 0; at < whole->len && go_on; at += segment_size) {
		size_t rest = whole->len - at;
		struct tp_packet packet = *whole;

		packet.len = rest < segment_size ? rest : segment_size;
		packet.data = copy(segments, whole->data + at, packet.len);
		go_on = deliver(context, &packet);
	}
}
