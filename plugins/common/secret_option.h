/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

/**
 * The secret in the file that an option of type PATH names: its first line that is
 * neither empty nor begins with #. For create; also later, to see whether it
 * has changed: files of some bytes block nobody.
 *
 * @out: NULL when the option is not set; else free it with secret_option_free()
 *
 * Errors: those of secret_file_read(), and TP_EINVAL when there is none in it or
 *         more than one; all said by tp_instance_fail()
 */
int secret_option_read(struct tp_instance *self, const char *option, char **out);

/** Wipes it. Sets the pointer to NULL; NULL inside is fine. */
void secret_option_free(char **secret);
