/* SPDX-License-Identifier: Apache-2.0 */
#include "host/loader.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "support/suite.h"

static bool has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) {
		fprintf(stderr, "no \"%s\" in: %s\n", part, text);
		return false;
	}
	return true;
}

/* --- a folder of the test's own --------------------------------------------------- */

static char folder[] = "/tmp/turnpike-test-XXXXXX";
static char inside[PATH_MAX];

static const char *in_folder(const char *name)
{
	snprintf(inside, sizeof(inside), "%s/%s", folder, name);
	return inside;
}

static void copy_plugin(const char *name)
{
	char from_path[PATH_MAX];
	char bytes[4096];
	size_t len;
	FILE *from;
	FILE *to;

	snprintf(from_path, sizeof(from_path), "%s/%s", TEST_PLUGIN_DIR, name);
	from = fopen(from_path, "rb");
	to = fopen(in_folder(name), "wb");
	CU_ASSERT_FATAL(from != NULL && to != NULL);
	while ((len = fread(bytes, 1, sizeof(bytes), from)) > 0) {
		CU_ASSERT_EQUAL_FATAL(fwrite(bytes, 1, len, to), len);
	}
	fclose(from);
	CU_ASSERT_EQUAL(fclose(to), 0);
	CU_ASSERT_EQUAL(chmod(in_folder(name), 0644), 0);
}

static void folder_open(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	copy_plugin("empty.so");
}

static void folder_close(void)
{
	CU_ASSERT_EQUAL(unlink(in_folder("empty.so")), 0);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static int try(const char *file, char problem[TP_PROBLEM_SIZE])
{
	struct tp_loaded *loaded = NULL;
	int err = tp_loader_open(file, folder, problem, &loaded);

	tp_loader_close(&loaded);
	return err;
}

/* --- cases ------------------------------------------------------------------------ */

static void loads_by_name_and_by_path(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_loaded *loaded = NULL;

	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", TEST_PLUGIN_DIR, problem, &loaded), 0);
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(loaded)->name, "empty");
	CU_ASSERT_EQUAL(tp_loaded_events(loaded)->size, sizeof(struct tp_events));
	CU_ASSERT_STRING_EQUAL(tp_loaded_path(loaded), TEST_PLUGIN_DIR "/empty.so");
	tp_loader_close(&loaded);
	CU_ASSERT_PTR_NULL(loaded);

	CU_ASSERT_EQUAL_FATAL(
		tp_loader_open(TEST_PLUGIN_DIR "/empty.so", "/nonexistent", problem, &loaded), 0);
	tp_loader_close(&loaded);
	tp_loader_close(&loaded);
}

static void one_object_may_be_loaded_several_times(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_loaded *first = NULL;
	struct tp_loaded *second = NULL;

	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", TEST_PLUGIN_DIR, problem, &first), 0);
	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", TEST_PLUGIN_DIR, problem, &second), 0);
	tp_loader_close(&first);
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(second)->name, "empty");
	tp_loader_close(&second);
}

static void refuses_the_broken_with_file_found_and_wanted(void)
{
	static const struct {
		const char *file;
		const char *said[3];
	} cases[] = {
		{"no_symbol", {"no symbol turnpike_plugin", "", ""}},
		{"wrong_major", {"interface 2.1", "wanted 1.x", ""}},
		{"newer_minor", {"interface 1.2", "wanted 1.1 or older", ""}},
		{"short_table", {"table has 48 bytes", "wanted 112", "1.1"}},
		{"no_name", {"no name", "wanted one", ""}},
		{"no_version", {"no version", "wanted one", ""}},
		{"no_summary", {"no summary", "wanted one", ""}},
		{"no_events", {"no events", "wanted one", ""}},
		{"short_events", {"table of events has 16 bytes", "wanted 248", ""}},
		{"unresolved_symbol",
		 {"turnpike_function_that_nobody_has", "undefined symbol", ""}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_PROBLEM_SIZE] = "";
		char path[PATH_MAX];
		struct tp_loaded *loaded = NULL;

		CU_ASSERT_EQUAL(tp_loader_open(cases[i].file, TEST_PLUGIN_DIR, problem, &loaded),
				TP_EINVAL);
		CU_ASSERT_PTR_NULL(loaded);
		snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGIN_DIR, cases[i].file);
		CU_ASSERT_TRUE(has(problem, path));
		for (size_t j = 0; j < 3; j++) {
			CU_ASSERT_TRUE(has(problem, cases[i].said[j]));
		}
	}
}

static void refuses_relative_paths(void)
{
	static const char *const files[] = {"./empty.so", "../empty", "plugins/empty.so", ""};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char problem[TP_PROBLEM_SIZE];
		struct tp_loaded *loaded = NULL;

		CU_ASSERT_EQUAL(tp_loader_open(files[i], TEST_PLUGIN_DIR, problem, &loaded),
				TP_EINVAL);
		CU_ASSERT_TRUE(has(problem, "absolute path"));
	}
}

static void names_what_is_not_there(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_loaded *loaded = NULL;

	CU_ASSERT_EQUAL(tp_loader_open("nobody", TEST_PLUGIN_DIR, problem, &loaded), TP_ENOENT);
	CU_ASSERT_TRUE(has(problem, TEST_PLUGIN_DIR "/nobody.so: No such file"));
}

static void refuses_what_is_no_file(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_loaded *loaded = NULL;

	CU_ASSERT_EQUAL(tp_loader_open(TEST_PLUGIN_DIR, "/", problem, &loaded), TP_EINVAL);
	CU_ASSERT_TRUE(has(problem, "is no file"));
}

static void refuses_a_file_that_others_can_write(void)
{
	char problem[TP_PROBLEM_SIZE];

	folder_open();
	CU_ASSERT_EQUAL(try("empty", problem), 0);
	CU_ASSERT_EQUAL(chmod(in_folder("empty.so"), 0664), 0);
	CU_ASSERT_EQUAL(try("empty", problem), TP_EPERM);
	CU_ASSERT_TRUE(has(problem, "empty.so: others can write it (mode 0664)"));
	CU_ASSERT_EQUAL(chmod(in_folder("empty.so"), 0646), 0);
	CU_ASSERT_EQUAL(try("empty", problem), TP_EPERM);
	folder_close();
}

/* Sticky or not: whoever may create a name there may do so before us. */
static void refuses_a_folder_that_others_can_write(void)
{
	static const mode_t modes[] = {0777, 0770, 01777};
	char problem[TP_PROBLEM_SIZE];

	folder_open();
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		CU_ASSERT_EQUAL(chmod(folder, modes[i]), 0);
		CU_ASSERT_EQUAL(try("empty", problem), TP_EPERM);
		CU_ASSERT_TRUE(has(problem, "others can write it"));
	}
	CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
	CU_ASSERT_EQUAL(try("empty", problem), 0);
	folder_close();
}

static void refuses_a_file_of_another_user(void)
{
	char problem[TP_PROBLEM_SIZE];

	if (geteuid() != 0) {
		return; /* only root can give a file away */
	}
	folder_open();
	CU_ASSERT_EQUAL(chown(in_folder("empty.so"), 65534, 0), 0);
	CU_ASSERT_EQUAL(try("empty", problem), TP_EPERM);
	CU_ASSERT_TRUE(has(problem, "belongs to user 65534"));
	folder_close();
}

/* A link in a folder of others could point elsewhere tomorrow. */
static void looks_at_both_ends_of_a_link(void)
{
	char problem[TP_PROBLEM_SIZE];
	char path[PATH_MAX];

	folder_open();
	snprintf(path, sizeof(path), "%s", in_folder("link.so"));
	CU_ASSERT_EQUAL(symlink(TEST_PLUGIN_DIR "/empty.so", path), 0);
	CU_ASSERT_EQUAL(try("link", problem), 0);
	CU_ASSERT_EQUAL(chmod(folder, 0777), 0);
	CU_ASSERT_EQUAL(try("link", problem), TP_EPERM);
	CU_ASSERT_EQUAL(unlink(path), 0);
	folder_close();
}

static struct tp_loaded *load_replaced(const char *by)
{
	char problem[TP_PROBLEM_SIZE] = "";
	char path[PATH_MAX];
	struct tp_loaded *loaded = NULL;

	copy_plugin(by);
	snprintf(path, sizeof(path), "%s", in_folder(by));
	CU_ASSERT_EQUAL(rename(path, in_folder("empty.so")), 0);
	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", folder, problem, &loaded), 0);
	return loaded;
}

/* A reload after an upgrade runs the new code, beside the old one. */
static void a_replaced_file_is_loaded_anew(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_loaded *first = NULL;
	struct tp_loaded *second;
	struct tp_loaded *third;
	struct tp_loaded *again = NULL;

	folder_open();
	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", folder, problem, &first), 0);
	second = load_replaced("denies_all.so");
	third = load_replaced("answers_late.so");
	CU_ASSERT_EQUAL_FATAL(tp_loader_open("empty", folder, problem, &again), 0);
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(first)->name, "empty");
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(second)->name, "denies_all");
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(third)->name, "answers_late");
	CU_ASSERT_PTR_EQUAL(tp_loaded_events(again)->on_stun_request_authorization,
			    tp_loaded_events(third)->on_stun_request_authorization);
	CU_ASSERT_STRING_EQUAL(tp_loaded_path(third), tp_loaded_path(first));
	tp_loader_close(&first);
	tp_loader_close(&second);
	tp_loader_close(&again);
	second = load_replaced("denies_all.so");
	CU_ASSERT_STRING_EQUAL(tp_loaded_plugin(second)->name, "denies_all");
	tp_loader_close(&second);
	tp_loader_close(&third);
	folder_close();
}

static void refuses_what_is_no_shared_object(void)
{
	char problem[TP_PROBLEM_SIZE];
	FILE *file;

	folder_open();
	file = fopen(in_folder("empty.so"), "wb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("not an object\n", file);
	fclose(file);
	CU_ASSERT_EQUAL(try("empty", problem), TP_EINVAL);
	CU_ASSERT_TRUE(has(problem, in_folder("empty.so")));
	folder_close();
}

TEST_SUITE("loader", TEST(loads_by_name_and_by_path), TEST(one_object_may_be_loaded_several_times),
	   TEST(refuses_the_broken_with_file_found_and_wanted), TEST(refuses_relative_paths),
	   TEST(names_what_is_not_there), TEST(refuses_what_is_no_file),
	   TEST(refuses_a_file_that_others_can_write), TEST(refuses_a_folder_that_others_can_write),
	   TEST(refuses_a_file_of_another_user), TEST(looks_at_both_ends_of_a_link),
	   TEST(a_replaced_file_is_loaded_anew), TEST(refuses_what_is_no_shared_object));
