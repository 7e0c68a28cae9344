/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "host/problem.h"

int tp_identity_find(const struct tp_config *config, struct tp_identity *out,
		     char problem[TP_PROBLEM_SIZE])
{
	const struct passwd *user;

	*out = (struct tp_identity){.user = config->user};
	if (config->user == NULL) {
		return 0;
	}
	user = getpwnam(config->user);
	if (user == NULL) {
		return tp_config_problem(config, "turnpike", "user", problem, TP_ENOENT,
					 "there is no user \"%.80s\"", config->user);
	}
	out->uid = user->pw_uid;
	out->gid = user->pw_gid;
	if (config->group != NULL) {
		const struct group *group = getgrnam(config->group);

		if (group == NULL) {
			return tp_config_problem(config, "turnpike", "group", problem, TP_ENOENT,
						 "there is no group \"%.80s\"", config->group);
		}
		out->gid = group->gr_gid;
	}
	if (geteuid() != 0 && geteuid() != out->uid) {
		return tp_config_problem(config, "turnpike", "user", problem, TP_EPERM,
					 "only root can become \"%.80s\"", config->user);
	}
	return 0;
}

int tp_privilege_drop(const struct tp_identity *identity, char problem[TP_PROBLEM_SIZE])
{
	if (identity->user == NULL || geteuid() != 0) {
		return 0;
	}
	if (initgroups(identity->user, identity->gid) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0) {
		return tp_problem(problem, TP_EPERM, "cannot become user %.80s: %s", identity->user,
				  strerror(errno));
	}
	if (identity->uid != 0 && setuid(0) == 0) {
		return tp_problem(problem, TP_EPERM, "user %.80s can become root again",
				  identity->user);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return tp_problem(problem, TP_EPERM, "cannot give up new privileges: %s",
				  strerror(errno));
	}
	return 0;
}

unsigned long tp_privilege_raise_descriptors(unsigned long wanted)
{
	struct rlimit limit;
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return 0;
	}
	raised = (struct rlimit){wanted, wanted};
	if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &raised) == 0) {
		return wanted;
	}
	raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
	if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0) {
		return raised.rlim_cur;
	}
	return limit.rlim_cur;
}
