/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/metric_read.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/metric_internal.h"

/* A text under way. */
struct text {
	const struct metric_state *states;
	int64_t	    now_s;
	bool	    openmetrics;
	struct buf *out;
};

/* ---- one series' labels ---- */

struct series {
	const struct metric_copy *copy;
	enum metric_program	  program;
	enum metric		  m;
	unsigned		  at;
	unsigned		  values[3];
};

static void
split(struct series *s)
{
	const enum metric_label *l = metric_rows[s->m].labels;
	unsigned rest = s->at;

	for (int i = 2; i >= 0; i--) {
		s->values[i] = rest % metric_label_rows[l[i]].count;
		rest /= metric_label_rows[l[i]].count;
	}
}

/* Word number n of "a|b|c". */
static struct slice
word(const char *words, unsigned n)
{
	struct slice rest = slice_of(words), w = { NULL, 0 };

	for (unsigned i = 0; i <= n; i++)
		slice_cut(&rest, '|', &w);
	return w;
}

static void
add_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' || s.p[i] == '"')
			buf_addc(out, '\\');
		if (s.p[i] == '\n')
			buf_adds(out, "\\n");
		else
			buf_addc(out, s.p[i]);
	}
}

static struct slice
value_of(const struct series *s, unsigned i)
{
	enum metric_label l = metric_rows[s->m].labels[i];
	const char *words = metric_label_rows[l].words;

	return words != NULL ? word(words, s->values[i]) :
	    slice_of(metric_copy_name(s->copy, l, s->values[i]));
}

/* {program="smtpd",role="mx"} with le when it is not NULL. */
static void
add_labels(struct buf *out, const struct series *s, const char *le)
{
	buf_addf(out, "{program=\"%s\"", metric_program_names[s->program]);
	for (unsigned i = 0; i < 3; i++) {
		enum metric_label l = metric_rows[s->m].labels[i];

		if (l == METRIC_LABEL_NONE)
			continue;
		buf_addf(out, ",%s=\"", metric_label_rows[l].name);
		add_escaped(out, value_of(s, i));
		buf_addc(out, '"');
	}
	if (le != NULL)
		buf_addf(out, ",le=\"%s\"", le);
	buf_addc(out, '}');
}

static void
add_sample(const struct text *t, const struct series *s, const char *suffix, const char *le,
    uint64_t value)
{
	buf_addf(t->out, "congvu_%s%s", metric_rows[s->m].name, suffix);
	add_labels(t->out, s, le);
	buf_addf(t->out, " %" PRIu64 "\n", value);
}

static void
add_created(const struct text *t, const struct series *s)
{
	if (t->openmetrics)
		add_sample(t, s, "_created", NULL, metric_copy_started_s(s->copy));
}

/* ---- histograms ---- */

/* Microseconds as seconds in the one way that OpenMetrics wants: 0.0025, 1.0. */
static void
seconds(uint64_t us, char *out, size_t cap)
{
	size_t n = (size_t)snprintf(out, cap, "%" PRIu64 ".%06u", us / 1000000,
	    (unsigned)(us % 1000000));

	while (n >= 2 && n < cap && out[n - 1] == '0' && out[n - 2] != '.')
		out[--n] = '\0';
}

static void
add_histogram(const struct text *t, const struct series *s)
{
	const struct metric_row *row = &metric_rows[s->m];
	uint64_t sum = 0;
	char text[40];

	for (unsigned i = 0; i <= METRIC_BUCKETS; i++) {
		sum += metric_copy_cell(s->copy, row->first + s->at * row->width + i);
		if (i < METRIC_BUCKETS)
			seconds(metric_bounds_us[i], text, sizeof text);
		add_sample(t, s, "_bucket", i < METRIC_BUCKETS ? text : "+Inf", sum);
	}
	add_sample(t, s, "_count", NULL, sum);
	seconds(metric_copy_cell(s->copy, row->first + s->at * row->width + METRIC_BUCKETS + 1),
	    text, sizeof text);
	buf_addf(t->out, "congvu_%s_sum", row->name);
	add_labels(t->out, s, NULL);
	buf_addf(t->out, " %s\n", text);
	add_created(t, s);
}

/* ---- other types ---- */

static uint64_t
age(const struct text *t, uint64_t since_s)
{
	return since_s == 0 || t->now_s < 0 || (uint64_t)t->now_s < since_s ? 0 :
	    (uint64_t)t->now_s - since_s;
}

static void
add_series(const struct text *t, const struct series *s)
{
	uint64_t v = metric_copy_get(s->copy, s->m, s->at);

	switch (metric_rows[s->m].type) {
	case METRIC_HISTOGRAM:
		add_histogram(t, s);
		break;
	case METRIC_COUNTER:
		add_sample(t, s, "_total", NULL, v);
		add_created(t, s);
		break;
	case METRIC_TIME:
		if (v != 0)
			add_sample(t, s, "", NULL, v);
		break;
	case METRIC_AGE:
		add_sample(t, s, "", NULL, age(t, v));
		break;
	default:
		/* A share that is less than nothing was written by a fallen process. */
		add_sample(t, s, "", NULL, v > INT64_MAX ? 0 : v);
		break;
	}
}

/* Of names, only those that are there; of counters with names, only what was counted. No program
 * serves roles of the other. */
static bool
is_shown(const struct series *s)
{
	const struct metric_row *row = &metric_rows[s->m];

	for (unsigned i = 0; i < 3; i++) {
		enum metric_label l = row->labels[i];
		unsigned last = metric_label_rows[l].count - 1;

		if (l == METRIC_LABEL_ROLE &&
		    (s->values[i] == last) != (s->program == METRIC_PROGRAM_IMAPD))
			return false;
		if (metric_label_rows[l].words != NULL)
			continue;
		if (metric_copy_name(s->copy, l, s->values[i]) == NULL)
			return false;
		if ((s->values[i] == last || row->type == METRIC_COUNTER) &&
		    metric_copy_get(s->copy, s->m, s->at) == 0)
			return false;
	}
	return true;
}

/* What a program that has ended held says nothing any more; what it counted still does. */
static bool
is_counted(enum metric_type type)
{
	return type == METRIC_COUNTER || type == METRIC_HISTOGRAM;
}

static void
add_program(const struct text *t, enum metric m, enum metric_program p)
{
	const struct metric_row *row = &metric_rows[m];
	struct series s = { .copy = t->states[p].copy, .program = p, .m = m };

	if (s.copy == NULL || (row->programs & (1U << p)) == 0 ||
	    (!t->states[p].up && !is_counted(row->type)))
		return;
	for (; s.at < row->series; s.at++) {
		split(&s);
		if (is_shown(&s))
			add_series(t, &s);
	}
}

/* ---- families ---- */

static void
add_head(const struct text *t, const char *name, const char *type, const char *unit,
    const char *help)
{
	/* In the older format a counter's family has the name of its samples. */
	const char *suffix = !t->openmetrics && slice_is(slice_of(type), "counter") ? "_total" : "";

	buf_addf(t->out, "# TYPE congvu_%s%s %s\n", name, suffix, type);
	if (t->openmetrics && *unit != '\0')
		buf_addf(t->out, "# UNIT congvu_%s %s\n", name, unit);
	buf_addf(t->out, "# HELP congvu_%s%s %s\n", name, suffix, help);
}

static void
add_up(const struct text *t)
{
	add_head(t, "up", "gauge", "", "1 if the program runs.");
	for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++)
		buf_addf(t->out, "congvu_up{program=\"%s\"} %d\n", metric_program_names[p],
		    t->states[p].up);
	add_head(t, "start_time_seconds", "gauge", "seconds", "When the program started.");
	for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++)
		if (t->states[p].up && t->states[p].copy != NULL)
			buf_addf(t->out, "congvu_start_time_seconds{program=\"%s\"} %" PRIu64 "\n",
			    metric_program_names[p], metric_copy_started_s(t->states[p].copy));
}

void
metric_text(const struct metric_state *states, int64_t now_s, bool openmetrics, struct buf *out)
{
	static const char *const types[] = { [METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge", [METRIC_PROCESS] = "gauge", [METRIC_TIME] = "gauge",
		[METRIC_AGE] = "gauge", [METRIC_HISTOGRAM] = "histogram" };
	const struct text t = { states, now_s, openmetrics, out };

	add_up(&t);
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *row = &metric_rows[m];

		add_head(&t, row->name, types[row->type], row->unit, row->help);
		for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++)
			add_program(&t, (enum metric)m, (enum metric_program)p);
	}
	if (openmetrics)
		buf_adds(out, "# EOF\n");
}
