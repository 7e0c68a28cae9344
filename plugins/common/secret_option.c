/* SPDX-License-Identifier: Apache-2.0 */
#include "secret_option.h"

#include <stdlib.h>
#include <string.h>

#include "secret_file.h"

static int take(struct tp_instance *self, const char *option, const char *path,
		const struct secret_file *file, char **out)
{
	if (file->readable_by_all) {
		tp_log(self, TP_LOG_WARN, "%s can be read by everybody: chmod 640", path);
	}
	if (file->count != 1) {
		return tp_instance_fail(self, TP_EINVAL, "%s: %s: %zu secrets, where one is wanted",
					option, path, file->count);
	}
	*out = strdup(file->lines[0]);
	return *out != NULL ? 0 : tp_instance_fail(self, TP_ENOMEM, "out of memory");
}

int secret_option_read(struct tp_instance *self, const char *option, char **out)
{
	const char *path = tp_option_string(self, option);
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file file;
	int err;

	*out = NULL;
	if (path == NULL) {
		return 0;
	}
	err = secret_file_read(path, &file, problem);
	if (err != 0) {
		return tp_instance_fail(self, err, "%s: %s", option, problem);
	}
	err = take(self, option, path, &file, out);
	secret_file_wipe(&file);
	return err;
}

void secret_option_free(char **secret)
{
	if (*secret != NULL) {
		explicit_bzero(*secret, strlen(*secret));
		free(*secret);
		*secret = NULL;
	}
}
