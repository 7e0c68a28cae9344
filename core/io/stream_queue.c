/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_queue.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

struct entry {
	struct tp_list link;
	struct tp_list media_link;
	size_t len;
	size_t sent;
	uint8_t bytes[];
};

static struct entry *first(const struct tp_stream_queue *queue)
{
	return tp_container_of(queue->entries.next, struct entry, link);
}

static void entry_free(struct tp_stream_queue *queue, struct entry *entry)
{
	tp_list_remove(&entry->link);
	tp_list_remove(&entry->media_link);
	queue->bytes -= sizeof(*entry) + entry->len;
	free(entry);
}

void tp_stream_queue_init(struct tp_stream_queue *queue, size_t limit_bytes)
{
	tp_list_init(&queue->entries);
	tp_list_init(&queue->media);
	queue->bytes = 0;
	queue->limit_bytes = limit_bytes;
}

void tp_stream_queue_fini(struct tp_stream_queue *queue)
{
	while (!tp_stream_queue_empty(queue)) {
		entry_free(queue, first(queue));
	}
}

bool tp_stream_queue_empty(const struct tp_stream_queue *queue)
{
	return tp_list_empty(&queue->entries);
}

bool tp_stream_queue_tight(const struct tp_stream_queue *queue, size_t len)
{
	return len + sizeof(struct entry) > queue->limit_bytes ||
	       queue->bytes > queue->limit_bytes - len - sizeof(struct entry);
}

static int make_room(struct tp_stream_queue *queue, size_t len, size_t *dropped)
{
	*dropped = 0;
	while (tp_stream_queue_tight(queue, len)) {
		if (tp_list_empty(&queue->media)) {
			return TP_EFULL;
		}
		entry_free(queue, tp_container_of(queue->media.next, struct entry, media_link));
		(*dropped)++;
	}
	return 0;
}

static int append(struct tp_stream_queue *queue, const uint8_t *bytes, size_t len, bool media)
{
	struct entry *entry = malloc(sizeof(*entry) + len);

	if (entry == NULL) {
		return TP_ENOMEM;
	}
	entry->len = len;
	entry->sent = 0;
	memcpy(entry->bytes, bytes, len);
	tp_list_append(&queue->entries, &entry->link);
	tp_list_init(&entry->media_link);
	if (media) {
		tp_list_append(&queue->media, &entry->media_link);
	}
	queue->bytes += sizeof(*entry) + len;
	return 0;
}

int tp_stream_queue_push(struct tp_stream_queue *queue, const uint8_t *bytes, size_t len,
			 bool media, size_t *dropped)
{
	int err = make_room(queue, len, dropped);

	return err != 0 ? err : append(queue, bytes, len, media);
}

int tp_stream_queue_push_begun(struct tp_stream_queue *queue, const uint8_t *bytes, size_t len)
{
	return append(queue, bytes, len, false);
}

int tp_stream_queue_peek(const struct tp_stream_queue *queue, struct iovec *pieces, int max)
{
	const struct tp_list *link;
	int count = 0;

	tp_list_for_each (link, &queue->entries) {
		struct entry *entry = tp_container_of(link, struct entry, link);

		if (count == max) {
			break;
		}
		pieces[count++] =
			(struct iovec){entry->bytes + entry->sent, entry->len - entry->sent};
	}
	return count;
}

void tp_stream_queue_consume(struct tp_stream_queue *queue, size_t len)
{
	while (len > 0) {
		struct entry *entry = first(queue);
		size_t left = entry->len - entry->sent;

		if (len < left) {
			entry->sent += len;
			tp_list_remove(&entry->media_link);
			return;
		}
		len -= left;
		entry_free(queue, entry);
	}
}
