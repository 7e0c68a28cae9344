/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/integrity.h"

#include <string.h>

#include <gnutls/crypto.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define FINGERPRINT_XOR UINT32_C(0x5354554e)

/* The texts of a credential with colons between them, to be hashed. */
struct joined {
	uint8_t bytes[TP_KEY_TEXT_MAX];
	size_t len;
};

static int join(struct joined *joined, size_t colon, const char *text)
{
	size_t len = strlen(text);

	if (len + colon > sizeof(joined->bytes) - joined->len) {
		return TP_EINVAL;
	}
	if (colon != 0) {
		joined->bytes[joined->len++] = ':';
	}
	memcpy(joined->bytes + joined->len, text, len);
	joined->len += len;
	return 0;
}

static int hash_texts(gnutls_digest_algorithm_t digest, const char *const *texts, size_t count,
		      uint8_t *out)
{
	struct joined joined = {.len = 0};
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		err = join(&joined, i != 0, texts[i]);
	}
	if (err == 0 && gnutls_hash_fast(digest, joined.bytes, joined.len, out) != 0) {
		err = TP_EIO; /* MD5 in strict FIPS mode */
	}
	tp_secret_wipe(&joined, sizeof(joined));
	return err;
}

int tp_key_long_term(struct tp_key *key, enum tp_password_algorithm algorithm, const char *user,
		     const char *realm, const char *password)
{
	const char *texts[] = {user, realm, password};
	int err;

	key->len = 0;
	key->of_token = false;
	switch (algorithm) {
	case TP_PASSWORD_MD5:
		err = hash_texts(GNUTLS_DIG_MD5, texts, 3, key->bytes);
		key->len = err == 0 ? TP_KEY_MD5_SIZE : 0;
		return err;
	case TP_PASSWORD_SHA256:
		err = hash_texts(GNUTLS_DIG_SHA256, texts, 3, key->bytes);
		key->len = err == 0 ? TP_KEY_SHA256_SIZE : 0;
		return err;
	}
	return TP_EINVAL;
}

int tp_userhash(uint8_t out[TP_USERHASH_SIZE], const char *user, const char *realm)
{
	const char *texts[] = {user, realm};

	return hash_texts(GNUTLS_DIG_SHA256, texts, 2, out);
}

static gnutls_mac_algorithm_t mac_of(bool sha256)
{
	return sha256 ? GNUTLS_MAC_SHA256 : GNUTLS_MAC_SHA1;
}

/* HMAC of a message whose header is replaced by @header. */
static int hmac_with_header(gnutls_mac_algorithm_t mac, const struct tp_key *key,
			    const uint8_t *header, const uint8_t *bytes, size_t len, uint8_t *out)
{
	gnutls_hmac_hd_t hmac;
	int err = 0;

	if (gnutls_hmac_init(&hmac, mac, key->bytes, key->len) != 0) {
		return TP_EIO;
	}
	if (gnutls_hmac(hmac, header, TP_STUN_HEADER_SIZE) != 0 ||
	    gnutls_hmac(hmac, bytes + TP_STUN_HEADER_SIZE, len - TP_STUN_HEADER_SIZE) != 0) {
		err = TP_EIO;
	}
	gnutls_hmac_deinit(hmac, out);
	return err;
}

/*
 * HMAC of a received message up to @attr, with the header's length adjusted to
 * end behind @attr (RFC 8489 sections 14.5 and 14.6). Without attributes behind
 * it the length is right as it stands and one call on the borrowed bytes does.
 */
static int expected_hmac(const struct tp_stun_msg *msg, const struct tp_stun_attr *attr,
			 const struct tp_key *key, bool sha256, uint8_t *out)
{
	size_t end = (size_t)(attr->value - msg->bytes) + attr->len;
	size_t covered_len = end - attr->len - ATTRIBUTE_HEADER_SIZE;
	uint8_t header[TP_STUN_HEADER_SIZE];

	if (end == msg->len) {
		return gnutls_hmac_fast(mac_of(sha256), key->bytes, key->len, msg->bytes,
					covered_len, out) == 0
			       ? 0
			       : TP_EIO;
	}
	memcpy(header, msg->bytes, sizeof(header));
	tp_put_u16(header + 2, (uint16_t)(end - TP_STUN_HEADER_SIZE));
	return hmac_with_header(mac_of(sha256), key, header, msg->bytes, covered_len, out);
}

static bool is_length_valid(size_t len, bool sha256)
{
	return len == (size_t)(sha256 ? TP_INTEGRITY_SHA256_SIZE : TP_INTEGRITY_SIZE);
}

static uint16_t attribute_of(bool sha256)
{
	return sha256 ? TP_ATTR_MESSAGE_INTEGRITY_SHA256 : TP_ATTR_MESSAGE_INTEGRITY;
}

int tp_integrity_check(const struct tp_stun_msg *msg, const struct tp_key *key, bool sha256)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(msg, attribute_of(sha256));
	uint8_t expected[TP_INTEGRITY_SHA256_SIZE];
	int err;

	if (attr == NULL) {
		return TP_ENOENT;
	}
	if (!is_length_valid(attr->len, sha256)) {
		return TP_EPROTO;
	}
	if (key->len == 0) {
		return TP_EAUTH; /* anybody could compute an HMAC with the empty key */
	}
	err = expected_hmac(msg, attr, key, sha256, expected);
	if (err == 0 && !tp_secret_equal(expected, attr->value, attr->len)) {
		err = TP_EAUTH;
	}
	tp_secret_wipe(expected, sizeof(expected));
	return err;
}

void tp_build_integrity(struct tp_build *build, const struct tp_key *key, bool sha256)
{
	static const uint8_t dummy[TP_INTEGRITY_SHA256_SIZE];
	size_t covered_len = build->len;
	uint8_t *value;

	tp_build_bytes(build, attribute_of(sha256), dummy,
		       sha256 ? TP_INTEGRITY_SHA256_SIZE : TP_INTEGRITY_SIZE);
	if (build->failed) {
		return;
	}
	/* By now the header's length ends behind the attribute, as it must. */
	value = build->bytes + covered_len + ATTRIBUTE_HEADER_SIZE;
	if (key->len == 0 || gnutls_hmac_fast(mac_of(sha256), key->bytes, key->len, build->bytes,
					      covered_len, value) != 0) {
		build->failed = true;
	}
}

void tp_build_fingerprint(struct tp_build *build)
{
	size_t covered_len = build->len;

	tp_build_u32(build, TP_ATTR_FINGERPRINT, 0);
	if (!build->failed) {
		/* The CRC covers a header whose length includes the attribute. */
		tp_put_u32(build->bytes + covered_len + ATTRIBUTE_HEADER_SIZE,
			   tp_fingerprint(build->bytes, covered_len));
	}
}

uint32_t tp_fingerprint(const uint8_t *bytes, size_t len)
{
	return (uint32_t)crc32_z(0, bytes, len) ^ FINGERPRINT_XOR;
}

int tp_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t *out)
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_len, bytes, len, out) == 0 ? 0 : TP_EIO;
}
