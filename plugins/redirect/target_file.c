/* SPDX-License-Identifier: Apache-2.0 */
#include "target_file.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 512

int target_add(struct tp_instance *self, struct pool *pool, const char *where, const char *word)
{
	char problem[TARGET_PROBLEM_SIZE];
	struct target target;
	int err = target_parse(word, &target, problem);

	if (err != 0) {
		return tp_instance_fail(self, err, "%s: %s", where, problem);
	}
	err = pool_add(pool, &target);
	switch (err) {
	case 0:
		return 0;
	case TP_EEXIST:
		return tp_instance_fail(self, err, "%s: \"%.80s\" is there twice", where, word);
	case TP_EFULL:
		return tp_instance_fail(self, err, "%s: more than %d targets", where,
					POOL_TARGETS_MAX);
	default:
		return tp_instance_fail(self, err, "out of memory");
	}
}

/* Cut comment and blanks; returns the begin. */
static char *trim(char *line)
{
	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	line[strcspn(line, " \t")] = '\0';
	return line;
}

static int read_lines(struct tp_instance *self, struct pool *pool, const char *path, FILE *file)
{
	char line[LINE_SIZE];
	char where[LINE_SIZE];
	unsigned number = 0;
	int err = 0;

	while (err == 0 && fgets(line, sizeof(line), file) != NULL) {
		const char *word;

		snprintf(where, sizeof(where), "%s:%u", path, ++number);
		if (strlen(line) == sizeof(line) - 1) {
			return tp_instance_fail(self, TP_EINVAL, "%s: the line is too long", where);
		}
		word = trim(line);
		err = word[0] == '\0' ? 0 : target_add(self, pool, where, word);
	}
	return err;
}

int target_file_read(struct tp_instance *self, struct pool *pool, const char *path)
{
	FILE *file = fopen(path, "re");
	int err;

	if (file == NULL) {
		return tp_instance_fail(self, TP_ENOENT, "targets_file: %s cannot be read", path);
	}
	err = read_lines(self, pool, path, file);
	if (err == 0 && ferror(file)) {
		err = tp_instance_fail(self, TP_EIO, "targets_file: %s cannot be read", path);
	}
	fclose(file);
	return err;
}
