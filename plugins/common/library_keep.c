/* SPDX-License-Identifier: Apache-2.0 */
#include "library_keep.h"

#include <dlfcn.h>
#include <string.h>

void library_keep(void (*function)(void))
{
	void *address;
	Dl_info info;
	void *library;

	memcpy(&address, &function, sizeof(address)); /* as POSIX has it, ISO C does not */
	if (dladdr(address, &info) == 0) {
		return;
	}
	library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	if (library != NULL) {
		dlclose(library);
	}
}
