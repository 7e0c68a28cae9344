/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t thread_cpu_ns(pid_t pid, const char *thread)
{
	char path[sizeof("/proc//task//schedstat") + 2 * 256];
	uint64_t ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%.255s/schedstat", (long)pid, thread);
	file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	if (fscanf(file, "%" SCNu64, &ns) != 1) {
		ns = 0;
	}
	fclose(file);
	return ns;
}

uint64_t tp_load_process_cpu_ns(pid_t pid)
{
	char path[64];
	uint64_t sum_ns = 0;
	const struct dirent *entry;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	threads = opendir(path);
	if (threads == NULL) {
		return 0;
	}
	while ((entry = readdir(threads)) != NULL) {
		if (entry->d_name[0] != '.') {
			sum_ns += thread_cpu_ns(pid, entry->d_name);
		}
	}
	closedir(threads);
	return sum_ns;
}

uint64_t tp_load_process_rss(pid_t pid)
{
	char path[64];
	char line[256];
	uint64_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "VmRSS: %" SCNu64 " kB", &kib) == 1) {
			break;
		}
	}
	fclose(file);
	return kib * 1024;
}
