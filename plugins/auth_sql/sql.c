/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct sql_backend_ops *const backends[] = {
	&sql_sqlite_ops,
#ifdef HAVE_POSTGRESQL
	&sql_postgresql_ops,
#endif
#ifdef HAVE_MYSQL
	&sql_mysql_ops,
#endif
};

const struct sql_backend_ops *sql_backend_find(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++) {
		if (strcmp(backends[i]->name, name) == 0) {
			return backends[i];
		}
	}
	return NULL;
}

void sql_task_fail(struct sql_task *task, int err, const char *format, ...)
{
	va_list args;

	task->err = err;
	va_start(args, format);
	vsnprintf(task->problem, sizeof(task->problem), format, args);
	va_end(args);
	/* Servers' sentences have several lines; the first one says what it is. */
	task->problem[strcspn(task->problem, "\r\n")] = '\0';
}

void sql_keep_library(void *function)
{
	Dl_info info;

	if (dladdr(function, &info) != 0) {
		dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	}
}
