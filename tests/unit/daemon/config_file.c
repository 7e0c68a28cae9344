/* SPDX-License-Identifier: Apache-2.0 */
#include "config_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

void config_file_open(struct config_file *file, const char *text)
{
	int fd;

	*file = (struct config_file){.path = "/tmp/turnpike-config.XXXXXX"};
	fd = mkstemp(file->path);
	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	file->error = tp_config_load(file->path, file->problem, &file->config);
}

void config_file_close(struct config_file *file)
{
	tp_config_free(&file->config);
	unlink(file->path);
}

const char *config_file_problem(const struct config_file *file)
{
	size_t len = strlen(file->path);

	return strncmp(file->problem, file->path, len) == 0 ? file->problem + len : file->problem;
}
