/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maxminddb.h>

#include <turnpike/error.h>

#define COPY_SIZE 65536

struct database {
	MMDB_s mmdb;
	atomic_size_t refs;
};

/* --- reading ------------------------------------------------------------------------- */

static int complain(char *problem, int err, const char *path, const char *what)
{
	snprintf(problem, DATABASE_PROBLEM_SIZE, "%s: %s", path, what);
	return err;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno != EINTR) {
			return false;
		}
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return true;
}

static int copy(int from, int to, const char *path, char *problem)
{
	char bytes[COPY_SIZE];
	int64_t size = 0;
	ssize_t got;

	while ((got = read(from, bytes, sizeof(bytes))) != 0) {
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return complain(problem, TP_EIO, path, strerror(errno));
		}
		size += got;
		if (size > DATABASE_SIZE_MAX) {
			return complain(problem, TP_EFULL, path, "larger than a gigabyte");
		}
		if (!write_all(to, bytes, (size_t)got)) {
			return complain(problem, TP_ENOMEM, path, strerror(errno));
		}
	}
	return 0;
}

static int copy_file(const char *path, int to, char *problem)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
	struct stat status;
	int err;

	if (from == -1) {
		return complain(problem, TP_ENOENT, path, strerror(errno));
	}
	if (fstat(from, &status) != 0 || !S_ISREG(status.st_mode)) {
		err = complain(problem, TP_EINVAL, path, "no regular file");
	} else {
		err = copy(from, to, path, problem);
	}
	close(from);
	return err;
}

/* The library maps what it opens by name; the map outlives the descriptor. */
static int open_copy(int fd, const char *path, struct database *database, char *problem)
{
	char name[64];
	int status;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	status = MMDB_open(name, MMDB_MODE_MMAP, &database->mmdb);
	if (status == MMDB_SUCCESS) {
		return 0;
	}
	return complain(problem,
			status == MMDB_OUT_OF_MEMORY_ERROR ? TP_ENOMEM
			: status == MMDB_FILE_OPEN_ERROR   ? TP_EIO
							   : TP_EINVAL,
			path, MMDB_strerror(status));
}

int database_open(const char *path, struct database **out, char problem[DATABASE_PROBLEM_SIZE])
{
	struct database *database = calloc(1, sizeof(*database));
	int fd = memfd_create("turnpike-geoip", MFD_CLOEXEC);
	int err;

	if (database == NULL || fd == -1) {
		err = complain(problem, TP_ENOMEM, path, "out of memory");
	} else {
		err = copy_file(path, fd, problem);
		err = err != 0 ? err : open_copy(fd, path, database, problem);
	}
	if (fd != -1) {
		close(fd);
	}
	if (err != 0) {
		free(database);
		return err;
	}
	atomic_init(&database->refs, 1);
	*out = database;
	return 0;
}

struct database *database_ref(struct database *database)
{
	if (database != NULL) {
		atomic_fetch_add_explicit(&database->refs, 1, memory_order_relaxed);
	}
	return database;
}

void database_unref(struct database **database)
{
	if (*database != NULL &&
	    atomic_fetch_sub_explicit(&(*database)->refs, 1, memory_order_acq_rel) == 1) {
		MMDB_close(&(*database)->mmdb);
		free(*database);
	}
	*database = NULL;
}

/* --- asking ---------------------------------------------------------------------------- */

static bool find(const struct database *database, const struct tp_addr *addr, MMDB_entry_s *out)
{
	struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
	struct sockaddr_in ipv4 = {.sin_family = AF_INET};
	const struct sockaddr *wanted = (const struct sockaddr *)&ipv4;
	MMDB_lookup_result_s result;
	int status = MMDB_SUCCESS;

	if (tp_addr_family(addr) == TP_FAMILY_IPV6) {
		memcpy(&ipv6.sin6_addr, addr->bytes, sizeof(ipv6.sin6_addr));
		wanted = (const struct sockaddr *)&ipv6;
	} else {
		memcpy(&ipv4.sin_addr, addr->bytes, sizeof(ipv4.sin_addr));
	}
	result = MMDB_lookup_sockaddr(&database->mmdb, wanted, &status);
	*out = result.entry;
	return status == MMDB_SUCCESS && result.found_entry;
}

static bool read_code(MMDB_entry_s *entry, const char *member, char out[3])
{
	MMDB_entry_data_s value;

	if (MMDB_get_value(entry, &value, member, "iso_code", NULL) != MMDB_SUCCESS ||
	    !value.has_data || value.type != MMDB_DATA_TYPE_UTF8_STRING || value.data_size != 2) {
		return false;
	}
	memcpy(out, value.utf8_string, 2);
	out[2] = '\0';
	return true;
}

bool database_country(const struct database *database, const struct tp_addr *addr, char out[3])
{
	MMDB_entry_s entry;

	return find(database, addr, &entry) &&
	       (read_code(&entry, "country", out) || read_code(&entry, "registered_country", out));
}

bool database_as(const struct database *database, const struct tp_addr *addr, uint32_t *out)
{
	MMDB_entry_data_s value;
	MMDB_entry_s entry;

	if (!find(database, addr, &entry) ||
	    MMDB_get_value(&entry, &value, "autonomous_system_number", NULL) != MMDB_SUCCESS ||
	    !value.has_data || value.type != MMDB_DATA_TYPE_UINT32) {
		return false;
	}
	*out = value.uint32;
	return true;
}
