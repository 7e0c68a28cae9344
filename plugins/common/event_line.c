/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event_line.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

/* --- UTF-8 -------------------------------------------------------------------------- */

/* Bytes of the character at @text (RFC 3629 section 4); 0 for none or a control character. */
static size_t character_len(const uint8_t *text, size_t len)
{
	size_t need = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint8_t low = 0x80;
	uint8_t high = 0xbf;

	if (need == 1) {
		return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
	}
	if (text[0] < 0xc2 || text[0] > 0xf4 || need > len) {
		return 0;
	}
	switch (text[0]) {
	case 0xc2: /* below U+00A0 are more control characters */
		low = 0xa0;
		break;
	case 0xe0: /* overlong */
		low = 0xa0;
		break;
	case 0xed: /* surrogates */
		high = 0x9f;
		break;
	case 0xf0: /* overlong */
		low = 0x90;
		break;
	case 0xf4: /* beyond U+10FFFF */
		high = 0x8f;
		break;
	}
	if (text[1] < low || text[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return need;
}

/* Printable UTF-8 of any bytes; @len is of what is returned. */
static char *printable(const uint8_t *text, size_t *len)
{
	char *out = malloc(*len * REPLACEMENT_LEN + 1);
	size_t written = 0;

	if (out == NULL) {
		return NULL;
	}
	for (size_t at = 0; at < *len;) {
		size_t character = character_len(text + at, *len - at);

		if (character == 0) {
			memcpy(out + written, REPLACEMENT, REPLACEMENT_LEN);
			written += REPLACEMENT_LEN;
			at++;
			continue;
		}
		memcpy(out + written, text + at, character);
		written += character;
		at += character;
	}
	*len = written;
	return out;
}

/* --- members ------------------------------------------------------------------------- */

/* A line with a member missing would be a wrong line: give up the whole. */
static void add(struct event_line *line, const char *key, json_t *value)
{
	if (line->object == NULL) {
		json_decref(value);
	} else if (json_object_set_new(line->object, key, value) != 0) {
		json_decref(line->object);
		line->object = NULL;
	}
}

void event_line_bytes(struct event_line *line, const char *key, const uint8_t *text, size_t len)
{
	char *clean = printable(text, &len);

	add(line, key, clean == NULL ? NULL : json_stringn(clean, len));
	free(clean);
}

void event_line_text(struct event_line *line, const char *key, const char *text)
{
	if (text != NULL) {
		event_line_bytes(line, key, (const uint8_t *)text, strlen(text));
	}
}

void event_line_number(struct event_line *line, const char *key, uint64_t value)
{
	add(line, key, json_integer((json_int_t)value));
}

void event_line_flag(struct event_line *line, const char *key, bool value)
{
	add(line, key, json_boolean(value));
}

void event_line_address(struct event_line *line, const char *key, const struct tp_addr *addr)
{
	char text[TP_ADDR_STRING];

	add(line, key, json_string(tp_addr_format(addr, text)));
}

void event_line_five_tuple(struct event_line *line, const struct tp_five_tuple *five_tuple)
{
	if (five_tuple != NULL) {
		event_line_text(line, "transport",
				tp_transport_name((enum tp_transport)five_tuple->transport));
		event_line_address(line, "client", &five_tuple->client_addr);
		event_line_address(line, "server", &five_tuple->server_addr);
	}
}

void event_line_allocation(struct event_line *line, const struct tp_allocation_view *allocation)
{
	event_line_number(line, "id", allocation->id);
	event_line_text(line, "user", allocation->user);
	event_line_text(line, "realm", allocation->realm);
	event_line_five_tuple(line, &allocation->five_tuple);
}

void event_line_relayed(struct event_line *line, const struct tp_allocation_view *allocation)
{
	event_line_address(line, "relayed", &allocation->relayed_addr);
	if (tp_addr_family(&allocation->relayed_addr_more) != TP_FAMILY_NONE) {
		event_line_address(line, "relayed_more", &allocation->relayed_addr_more);
	}
}

void event_line_traffic(struct event_line *line, const struct tp_traffic *client_to_peer,
			const struct tp_traffic *peer_to_client)
{
	event_line_number(line, "client_to_peer_packets", client_to_peer->packets);
	event_line_number(line, "client_to_peer_bytes", client_to_peer->bytes);
	event_line_number(line, "peer_to_client_packets", peer_to_client->packets);
	event_line_number(line, "peer_to_client_bytes", peer_to_client->bytes);
}

/* --- begin and end ------------------------------------------------------------------- */

void event_line_begin(struct event_line *line, int64_t wall_s, const char *event)
{
	time_t seconds = (time_t)wall_s;
	char text[32] = "";
	struct tm utc;

	line->object = json_object();
	if (gmtime_r(&seconds, &utc) != NULL) {
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc); /* RFC 3339 */
	}
	event_line_text(line, "time", text);
	event_line_text(line, "event", event);
}

char *event_line_end(struct event_line *line)
{
	char *text = line->object == NULL ? NULL : malloc(EVENT_LINE_MAX + 1);
	size_t len;

	if (text == NULL) {
		json_decref(line->object);
		return NULL;
	}
	len = json_dumpb(line->object, text, EVENT_LINE_MAX - 1, JSON_COMPACT);
	json_decref(line->object);
	if (len == 0 || len > EVENT_LINE_MAX - 1) {
		free(text);
		return NULL;
	}
	text[len] = '\n';
	text[len + 1] = '\0';
	return text;
}
