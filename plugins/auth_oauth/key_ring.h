/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token.h"

#define KEY_RING_MAX 16
#define KEY_RING_KID_MAX 255
#define KEY_RING_PROBLEM_SIZE 512

/*
 * The keys of one file, by their names. Read by any number of threads without a lock,
 * and shared by reference.
 */
struct key_ring;

/**
 * Read a file: a key a line, "KID ALGORITHM BASE64 [FROM-UNTIL]"; lines that are empty or
 * begin with # do not count.
 *
 * @problem: a sentence when it failed; never with a key in it
 *
 * Thread: any, not a worker's: it reads a file
 * Errors: TP_ENOENT, TP_EPERM when others may write it, TP_EINVAL, TP_EFULL, TP_ENOMEM, TP_EIO
 */
int key_ring_read(const char *path, char problem[KEY_RING_PROBLEM_SIZE], struct key_ring **out);

struct key_ring *key_ring_ref(struct key_ring *ring);
/** Wipes and frees with the last reference. Sets the pointer to NULL; NULL inside is fine. */
void key_ring_unref(struct key_ring **ring);

size_t key_ring_count(const struct key_ring *ring);

/** May everybody read the file? */
bool key_ring_is_open(const struct key_ring *ring);

/** NULL: there is none of that name at this time. Owner: the ring. */
const struct token_key *key_ring_find(const struct key_ring *ring, const char *kid, uint64_t now_s);
