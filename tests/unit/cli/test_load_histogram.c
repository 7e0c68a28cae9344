/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_histogram.h"

#include "support/suite.h"

static struct tp_load_histogram histogram;

static void is_empty_at_first(void)
{
	tp_load_histogram_clear(&histogram);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 0), 0);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 1000), 0);
	CU_ASSERT_EQUAL(histogram.max_ns, 0);
}

static void ranks_small_times_exactly(void)
{
	tp_load_histogram_clear(&histogram);
	for (uint64_t ns = 1; ns <= 100; ns++) {
		tp_load_histogram_add(&histogram, ns);
	}
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 0), 1);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 500), 50);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 990), 99);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 999), 100);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 1000), 100);
	CU_ASSERT_EQUAL(histogram.count, 100);
}

/* One time alone is in its cell; a far greater one keeps the maximum out of the way. */
static void errs_upwards_by_a_64th_at_most(void)
{
	static const uint64_t times_ns[] = {
		0,
		1,
		63,
		64,
		65,
		127,
		128,
		129,
		191,
		1000,
		999999,
		123456789,
		1000000000,
		UINT64_C(1) << 40,
		(UINT64_C(1) << 40) - 1,
		(UINT64_C(1) << 62) + 12345,
	};

	for (size_t i = 0; i < sizeof(times_ns) / sizeof(times_ns[0]); i++) {
		uint64_t found_ns;

		tp_load_histogram_clear(&histogram);
		tp_load_histogram_add(&histogram, times_ns[i]);
		tp_load_histogram_add(&histogram, UINT64_MAX);
		found_ns = tp_load_histogram_quantile_ns(&histogram, 500);
		CU_ASSERT_TRUE(found_ns >= times_ns[i]);
		CU_ASSERT_TRUE(found_ns - times_ns[i] <= times_ns[i] / 64);
	}
}

static void no_quantile_exceeds_the_maximum(void)
{
	tp_load_histogram_clear(&histogram);
	tp_load_histogram_add(&histogram, 1000000);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 999), 1000000);
	tp_load_histogram_add(&histogram, UINT64_MAX);
	CU_ASSERT_EQUAL(tp_load_histogram_quantile_ns(&histogram, 1000), UINT64_MAX);
}

TEST_SUITE("load_histogram", TEST(is_empty_at_first), TEST(ranks_small_times_exactly),
	   TEST(errs_upwards_by_a_64th_at_most), TEST(no_quantile_exceeds_the_maximum));
