/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/metric_internal.h"

#define FIRST(id, type)	METRIC_FIRST_IN_##type(id)
#define METRIC_FIRST_IN_COUNTER(id)	METRIC_FIRST_##id
#define METRIC_FIRST_IN_GAUGE(id)	METRIC_FIRST_##id
#define METRIC_FIRST_IN_TIME(id)	METRIC_FIRST_##id
#define METRIC_FIRST_IN_AGE(id)		METRIC_FIRST_##id
#define METRIC_FIRST_IN_HISTOGRAM(id)	METRIC_FIRST_##id
#define METRIC_FIRST_IN_PROCESS(id)	METRIC_OWN_FIRST_##id

#define ROW(id, type, programs, name, unit, l1, l2, l3, help) \
	{ name, unit, help, METRIC_##type, programs, \
	    { METRIC_LABEL_##l1, METRIC_LABEL_##l2, METRIC_LABEL_##l3 }, FIRST(id, type), \
	    METRIC_N_##l1 * METRIC_N_##l2 * METRIC_N_##l3, \
	    METRIC_SHARED_##type + METRIC_OWN_##type },
const struct metric_row metric_rows[METRIC_COUNT] = { METRICS(ROW) };

/* The slots of a label begin where those of the labels before it end. */
enum {
#define SLOT(kind, id, name, count, words) \
	SLOT_FIRST_##id, SLOT_LAST_##id = SLOT_FIRST_##id - 1 + METRIC_KIND_##kind * (count - 1),
	METRIC_LABELS(SLOT)
};

#define LABEL(kind, id, name, count, words) { name, words, count, SLOT_FIRST_##id },
const struct metric_label_row metric_label_rows[METRIC_LABEL_COUNT] = { METRIC_LABELS(LABEL) };

#define PROGRAM(id, name) name,
const char *const metric_program_names[METRIC_PROGRAM_COUNT] = { METRIC_PROGRAMS(PROGRAM) };

const uint64_t metric_bounds_us[METRIC_BUCKETS] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };

/* FNV-1a; this is no defence, it tells builds apart. */
static uint64_t
mix(uint64_t h, const char *s)
{
	do {
		h = (h ^ (unsigned char)*s) * 0x100000001b3U;
	} while (*s++ != '\0');
	return h;
}

static uint64_t
mix_number(uint64_t h, uint64_t n)
{
	return (h ^ n) * 0x100000001b3U;
}

uint64_t
metric_table_hash(void)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (unsigned i = 0; i < METRIC_LABEL_COUNT; i++) {
		h = mix(h, metric_label_rows[i].name);
		h = mix(h, metric_label_rows[i].words == NULL ? "" : metric_label_rows[i].words);
		h = mix_number(h, metric_label_rows[i].count);
	}
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		h = mix(h, metric_rows[i].name);
		h = mix_number(h, metric_rows[i].type);
		h = mix_number(h, metric_rows[i].first);
		h = mix_number(h, metric_rows[i].series);
	}
	return mix_number(h, sizeof(struct metric_file));
}
