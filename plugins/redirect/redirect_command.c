/* SPDX-License-Identifier: Apache-2.0 */
#include "redirect_command.h"

#include <string.h>
#include <time.h>

static void print_row(struct tp_command *command, const struct pool_row *row)
{
	char text[TP_ADDR_STRING];

	tp_command_print(command, "%s weight=%u%s%s\n", row->target->name, row->target->weight,
			 row->off ? " off" : "", row->count == 0 ? " no address is known" : "");
	for (size_t i = 0; i < row->count; i++) {
		int64_t since_s = row->addrs[i].since_s;

		tp_command_print(command, "    %s %s sent=%llu",
				 tp_addr_format(&row->addrs[i].addr, text),
				 health_state_name(row->addrs[i].state),
				 (unsigned long long)row->addrs[i].sent);
		if (since_s != 0) {
			tp_command_print(command, " for=%llds", (long long)(time(NULL) - since_s));
		}
		tp_command_print(command, "%s%s\n", row->addrs[i].problem[0] == '\0' ? "" : " ",
				 row->addrs[i].problem);
	}
}

static void list(struct pool *pool, struct tp_command *command)
{
	for (size_t i = 0; i < pool_count(pool); i++) {
		struct pool_row row;

		pool_row(pool, i, &row);
		print_row(command, &row);
	}
}

int redirect_command(struct tp_instance *self, struct pool *pool, struct tp_command *command,
		     int argc, const char *const *argv)
{
	bool off = argc == 2 && strcmp(argv[0], "off") == 0;

	if (argc == 1 && strcmp(argv[0], "list") == 0) {
		list(pool, command);
		return 0;
	}
	if (!off && (argc != 2 || strcmp(argv[0], "on") != 0)) {
		return tp_instance_fail(self, TP_EINVAL, "list, off TARGET, or on TARGET");
	}
	if (pool_switch(pool, argv[1], off) != 0) {
		return tp_instance_fail(self, TP_ENOENT, "there is no target %s", argv[1]);
	}
	tp_log(self, TP_LOG_INFO, "target is switched %s: %s", argv[0], argv[1]);
	return 0;
}
