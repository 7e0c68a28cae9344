/* SPDX-License-Identifier: Apache-2.0 */
#include "rule_file.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#define LINE_MAX_BYTES 256

static void set_problem(char *problem, const char *path, unsigned line, const char *sentence)
{
	snprintf(problem, RULE_FILE_PROBLEM_SIZE, "%s:%u: %s", path, line, sentence);
}

/* Cut comment and blanks; returns the begin. */
static char *trim(char *line)
{
	static const char blanks[] = " \t\r\n";
	size_t len;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, blanks);
	len = strlen(line);
	while (len > 0 && strchr(blanks, line[len - 1]) != NULL) {
		line[--len] = '\0';
	}
	return line;
}

/* Returns 1 with a line, 0 at the end, TP_EINVAL for one that is no text or too long. */
static int read_line(FILE *file, char line[LINE_MAX_BYTES])
{
	size_t len = 0;
	int byte;

	while ((byte = getc(file)) != EOF && byte != '\n') {
		if (byte == '\0' || len == LINE_MAX_BYTES - 1) {
			return TP_EINVAL;
		}
		line[len++] = (char)byte;
	}
	line[len] = '\0';
	return byte != EOF || len > 0;
}

static int read_lines(FILE *file, const char *path, struct tp_prefix_set *networks, unsigned mark,
		      char *problem)
{
	char line[LINE_MAX_BYTES];
	unsigned number = 0;
	int got;

	while ((got = read_line(file, line)) > 0) {
		const char *network = trim(line);
		int err = 0;

		number++;
		if (network[0] != '\0') {
			err = tp_prefix_set_count(networks) >= RULES_MAX
				      ? TP_EFULL
				      : tp_prefix_set_add(networks, network, mark);
		}
		if (err != 0) {
			set_problem(problem, path, number,
				    err == TP_EINVAL  ? "no IP network, such as 192.0.2.0/24"
				    : err == TP_EFULL ? "more than a million networks"
						      : tp_error_string(err));
			return err;
		}
	}
	if (got < 0) {
		set_problem(problem, path, number + 1, "longer than a network can be, or no text");
	}
	return got;
}

int rule_file_read(const char *path, struct tp_prefix_set *networks, unsigned mark,
		   char problem[RULE_FILE_PROBLEM_SIZE])
{
	FILE *file = fopen(path, "re");
	int err;

	if (file == NULL) {
		snprintf(problem, RULE_FILE_PROBLEM_SIZE, "%s cannot be read", path);
		return TP_ENOENT;
	}
	err = read_lines(file, path, networks, mark, problem);
	if (err == 0 && ferror(file)) {
		snprintf(problem, RULE_FILE_PROBLEM_SIZE, "%s cannot be read", path);
		err = TP_EIO;
	}
	fclose(file);
	return err;
}
