/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/privilege.h"

/* A listening UNIX socket and who may use it. */
struct tp_control_socket {
	int fd; /* -1: none */
	char *path;
	uid_t uid;
	gid_t gid;
	dev_t device; /* of the socket we have made: nobody else's is removed */
	ino_t inode;
};

/**
 * Bind and listen, as tp_control_open() says.
 *
 * @identity: whom the daemon will become
 */
int tp_control_socket_open(struct tp_control_socket *socket, const char *path,
			   const struct tp_identity *identity, char problem[TP_PROBLEM_SIZE]);

/** Removes the file where we may. Harmless with fd -1. */
void tp_control_socket_close(struct tp_control_socket *socket);

/** Is the peer of that connection root, our own user, or of the socket's group? */
bool tp_control_socket_admits(const struct tp_control_socket *socket, int fd);
