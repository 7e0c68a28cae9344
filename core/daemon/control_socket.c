/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "host/problem.h"

#define BACKLOG 16
#define GROUPS_MAX 256 /* of a peer; more of them do not count */

static int system_problem(const char *path, char problem[TP_PROBLEM_SIZE])
{
	int err = errno == ENOENT || errno == ENOTDIR ? TP_ENOENT
		  : errno == EACCES || errno == EPERM ? TP_EPERM
						      : TP_EIO;

	return tp_problem(problem, err, "%.200s: %s", path, strerror(errno));
}

static int set_path(struct sockaddr_un *sun, const char *path, char problem[TP_PROBLEM_SIZE])
{
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sun->sun_path)) {
		return tp_problem(problem, TP_ERANGE, "%.200s: is too long for a socket", path);
	}
	memcpy(sun->sun_path, path, strlen(path) + 1);
	return 0;
}

/* Does anybody accept there? A full queue is somebody, too. */
static bool is_alive(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool refused;

	if (fd == -1) {
		return true;
	}
	refused = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0 &&
		  errno == ECONNREFUSED;
	close(fd);
	return !refused;
}

/* What a dead daemon has left goes; anything else stays. */
static int make_room(const struct sockaddr_un *sun, char problem[TP_PROBLEM_SIZE])
{
	const char *path = sun->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0) {
		return errno == ENOENT ? 0 : system_problem(path, problem);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return tp_problem(problem, TP_EEXIST, "%.200s: is there and is no socket", path);
	}
	if (is_alive(sun)) {
		return tp_problem(problem, TP_EADDRINUSE, "%.200s: another daemon answers there",
				  path);
	}
	return unlink(path) == 0 ? 0 : system_problem(path, problem);
}

/* Nobody else can connect between bind and chown; no thread has started yet. */
static int bind_it(struct tp_control_socket *it, const struct sockaddr_un *sun,
		   char problem[TP_PROBLEM_SIZE])
{
	mode_t mask = umask(0177);
	int bound = bind(it->fd, (const struct sockaddr *)sun, sizeof(*sun));
	struct stat st;

	umask(mask);
	if (bound != 0) {
		return system_problem(sun->sun_path, problem);
	}
	it->path = strdup(sun->sun_path);
	if (it->path == NULL) {
		(void)unlink(sun->sun_path);
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	if (lstat(it->path, &st) != 0) {
		return system_problem(it->path, problem);
	}
	it->device = st.st_dev;
	it->inode = st.st_ino;
	if ((it->uid != geteuid() || it->gid != st.st_gid) &&
	    chown(it->path, it->uid, it->gid) != 0) {
		return system_problem(it->path, problem);
	}
	if (chmod(it->path, 0660) != 0 || listen(it->fd, BACKLOG) != 0) {
		return system_problem(it->path, problem);
	}
	return 0;
}

int tp_control_socket_open(struct tp_control_socket *it, const char *path,
			   const struct tp_identity *identity, char problem[TP_PROBLEM_SIZE])
{
	struct sockaddr_un sun;
	int err = set_path(&sun, path, problem);

	*it = (struct tp_control_socket){
		.fd = -1,
		.uid = identity->user != NULL ? identity->uid : geteuid(),
		.gid = identity->user != NULL ? identity->gid : getegid(),
	};
	if (err == 0) {
		err = make_room(&sun, problem);
	}
	if (err == 0) {
		it->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		err = it->fd == -1 ? system_problem(path, problem) : 0;
	}
	if (err == 0) {
		err = bind_it(it, &sun, problem);
	}
	if (err != 0) {
		tp_control_socket_close(it);
	}
	return err;
}

void tp_control_socket_close(struct tp_control_socket *it)
{
	struct stat st;

	if (it->fd != -1) {
		close(it->fd);
		it->fd = -1;
	}
	if (it->path != NULL && lstat(it->path, &st) == 0 && st.st_dev == it->device &&
	    st.st_ino == it->inode) {
		(void)unlink(it->path);
	}
	free(it->path);
	it->path = NULL;
}

/* As the kernel noted when the peer connected. */
static bool is_of_group(gid_t gid, gid_t main_gid, int fd)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (gid == main_gid) {
		return true;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0) {
		return false;
	}
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == gid) {
			return true;
		}
	}
	return false;
}

bool tp_control_socket_admits(const struct tp_control_socket *it, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof(peer)) {
		return false;
	}
	return peer.uid == 0 || peer.uid == it->uid || is_of_group(it->gid, peer.gid, fd);
}
