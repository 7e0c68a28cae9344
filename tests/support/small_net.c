/* SPDX-License-Identifier: Apache-2.0 */
#include "support/small_net.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool raise_loopback(int mtu)
{
	struct ifreq request = {.ifr_mtu = mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	memcpy(request.ifr_name, "lo", sizeof("lo"));
	up = fd != -1 && ioctl(fd, SIOCSIFMTU, &request) == 0;
	request.ifr_flags = IFF_UP;
	up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd != -1) {
		close(fd);
	}
	return up;
}

bool small_net_enter(struct small_net *net, int mtu)
{
	net->before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net->before == -1) {
		return false;
	}
	if (unshare(CLONE_NEWNET) == 0 && raise_loopback(mtu)) {
		return true;
	}
	small_net_leave(net);
	return false;
}

void small_net_leave(struct small_net *net)
{
	if (net->before != -1) {
		(void)setns(net->before, CLONE_NEWNET);
		close(net->before);
		net->before = -1;
	}
}
