/* SPDX-License-Identifier: Apache-2.0 */
#include "io/client_hello.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"

#define RECORD_HEADER_SIZE 5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX 16384
#define VERSION_MAJOR 3
#define MESSAGE_HEADER_SIZE 4
#define MESSAGE_CLIENT_HELLO 1
#define RANDOM_SIZE 32
#define SESSION_ID_MAX 32
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define NAME_TYPE_HOST 0

/* --- out of its records --------------------------------------------------- */

/* A handshake message, as far as it is there. */
struct message {
	uint8_t bytes[TP_CLIENT_HELLO_MAX];
	size_t len;
};

static bool is_header(const uint8_t *header)
{
	size_t len = tp_get_u16(header + 3);

	return header[0] == RECORD_HANDSHAKE && header[1] == VERSION_MAJOR && len > 0 &&
	       len <= RECORD_MAX;
}

/* What the message must hold to be whole; 0: not known yet. */
static size_t message_len(const struct message *message)
{
	if (message->len < MESSAGE_HEADER_SIZE) {
		return 0;
	}
	return MESSAGE_HEADER_SIZE + (tp_get_u32(message->bytes) & 0xffffff);
}

static bool is_whole(const struct message *message)
{
	size_t len = message_len(message);

	return len > 0 && message->len >= len;
}

/* Can it still become a ClientHello that we take? */
static bool is_possible(const struct message *message)
{
	return (message->len == 0 || message->bytes[0] == MESSAGE_CLIENT_HELLO) &&
	       message_len(message) <= TP_CLIENT_HELLO_MAX;
}

static int want(size_t bytes, size_t *wanted)
{
	*wanted = bytes;
	return bytes <= TP_CLIENT_HELLO_MAX ? TP_EAGAIN : TP_EPROTO;
}

/* Records in full only: one that is not there yet is asked for. */
static int gather(const uint8_t *bytes, size_t len, struct message *message, size_t *wanted)
{
	size_t at = 0;

	message->len = 0;
	while (!is_whole(message)) {
		const uint8_t *header = bytes + at;
		size_t record_len;

		if (len - at < RECORD_HEADER_SIZE) {
			return want(at + RECORD_HEADER_SIZE, wanted);
		}
		if (!is_header(header)) {
			return TP_EPROTO;
		}
		record_len = tp_get_u16(header + 3);
		at += RECORD_HEADER_SIZE;
		if (len - at < record_len) {
			return want(at + record_len, wanted);
		}
		if (record_len > sizeof(message->bytes) - message->len) {
			return TP_EPROTO;
		}
		memcpy(message->bytes + message->len, bytes + at, record_len);
		message->len += record_len;
		at += record_len;
		if (!is_possible(message)) {
			return TP_EPROTO;
		}
	}
	message->len = message_len(message);
	return 0;
}

/* --- what it says --------------------------------------------------------- */

/* A vector with its length before it becomes a reader of its own. */
static struct tp_reader read_vector(struct tp_reader *from, size_t len)
{
	struct tp_reader vector = {.failed = true};
	const uint8_t *bytes = tp_read_bytes(from, len);

	if (bytes != NULL) {
		tp_reader_init(&vector, bytes, len);
	}
	return vector;
}

static bool at_end(const struct tp_reader *reader)
{
	return !reader->failed && tp_reader_left(reader) == 0;
}

/* No byte that a name never has: it is compared as text. */
static bool take_name(struct tp_reader *name, struct tp_client_hello *out)
{
	size_t len = tp_reader_left(name);
	const uint8_t *bytes = tp_read_bytes(name, len);

	if (bytes == NULL || len == 0 || len >= sizeof(out->server_name)) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] <= ' ' || bytes[i] >= 0x7f) {
			return false;
		}
		out->server_name[i] = (char)bytes[i];
		if (bytes[i] >= 'A' && bytes[i] <= 'Z') {
			out->server_name[i] = (char)(bytes[i] - 'A' + 'a');
		}
	}
	out->server_name[len] = '\0';
	return true;
}

static bool read_server_name(struct tp_reader *extension, struct tp_client_hello *out)
{
	struct tp_reader list = read_vector(extension, tp_read_u16(extension));

	if (!at_end(extension) || out->server_name[0] != '\0') {
		return false;
	}
	while (!list.failed && tp_reader_left(&list) > 0) {
		uint8_t type = tp_read_u8(&list);
		struct tp_reader name = read_vector(&list, tp_read_u16(&list));

		if (type == NAME_TYPE_HOST &&
		    (out->server_name[0] != '\0' || name.failed || !take_name(&name, out))) {
			return false;
		}
	}
	return at_end(&list);
}

static bool is_ours(const uint8_t *name, size_t len)
{
	static const char turn[] = "stun.turn";
	static const char discovery[] = "stun.nat-discovery";

	return (len == sizeof(turn) - 1 && memcmp(name, turn, len) == 0) ||
	       (len == sizeof(discovery) - 1 && memcmp(name, discovery, len) == 0);
}

static bool read_alpn(struct tp_reader *extension, struct tp_client_hello *out)
{
	struct tp_reader list = read_vector(extension, tp_read_u16(extension));

	if (!at_end(extension) || out->has_alpn) {
		return false;
	}
	out->has_alpn = true;
	while (!list.failed && tp_reader_left(&list) > 0) {
		size_t len = tp_read_u8(&list);
		const uint8_t *name = tp_read_bytes(&list, len);

		if (name == NULL || len == 0) {
			return false;
		}
		out->speaks_stun = out->speaks_stun || is_ours(name, len);
	}
	return at_end(&list);
}

static bool read_extensions(struct tp_reader *extensions, struct tp_client_hello *out)
{
	while (!extensions->failed && tp_reader_left(extensions) > 0) {
		uint16_t type = tp_read_u16(extensions);
		struct tp_reader extension = read_vector(extensions, tp_read_u16(extensions));
		bool good = !extension.failed;

		if (good && type == EXTENSION_SERVER_NAME) {
			good = read_server_name(&extension, out);
		} else if (good && type == EXTENSION_ALPN) {
			good = read_alpn(&extension, out);
		}
		if (!good) {
			return false;
		}
	}
	return at_end(extensions);
}

static bool read_hello(const struct message *message, struct tp_client_hello *out)
{
	struct tp_reader reader;
	struct tp_reader session_id;
	struct tp_reader extensions;

	tp_reader_init(&reader, message->bytes + MESSAGE_HEADER_SIZE,
		       message->len - MESSAGE_HEADER_SIZE);
	(void)tp_read_u16(&reader); /* version */
	(void)tp_read_bytes(&reader, RANDOM_SIZE);
	session_id = read_vector(&reader, tp_read_u8(&reader));
	(void)read_vector(&reader, tp_read_u16(&reader)); /* ciphers */
	(void)read_vector(&reader, tp_read_u8(&reader));  /* compression methods */
	if (reader.failed || tp_reader_left(&session_id) > SESSION_ID_MAX) {
		return false;
	}
	if (tp_reader_left(&reader) == 0) { /* RFC 5246 section 7.4.1.2 */
		return true;
	}
	extensions = read_vector(&reader, tp_read_u16(&reader));
	return at_end(&reader) && read_extensions(&extensions, out);
}

int tp_client_hello_parse(const uint8_t *bytes, size_t len, struct tp_client_hello *out,
			  size_t *wanted)
{
	struct tp_client_hello found = {.has_alpn = false};
	struct message message;
	int err = gather(bytes, len, &message, wanted);

	if (err != 0) {
		return err;
	}
	if (!read_hello(&message, &found)) {
		return TP_EPROTO;
	}
	*out = found;
	return 0;
}
