/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/inspect_internal.h"
#include "policy/label/stamp.h"

enum {
	READ_WHOLE_MS = 300,	/* a picture that took longer had text */
	BOX_SLACK_MS = 3000
};

uint64_t
inspect_clock(const struct inspect *w)
{
	return w->o->now_ms == NULL ? 0 : w->o->now_ms(w->o->now_arg);
}

void
inspect_picture_limits(const struct inspect *w, struct extract_limits *l)
{
	l->ocr_ms = (unsigned)w->ocr_ms_left;
	l->ocr_pages = w->ocr_pages_left;
	l->deadline_ms = l->deadline_ms > l->ocr_ms + BOX_SLACK_MS ? l->deadline_ms :
	    l->ocr_ms + BOX_SLACK_MS;
	l->cpu_s += l->deadline_ms / 1000;
}

void
inspect_picture_spent(struct inspect *w, uint64_t ms)
{
	w->ocr_ms_left -= ms < w->ocr_ms_left ? ms : w->ocr_ms_left;
	if (ms >= READ_WHOLE_MS && w->ocr_pages_left > 0)
		w->ocr_pages_left--;
}

void
inspect_picture(struct inspect *w, struct slice octets)
{
	inspect_container(w, octets, EXTRACT_IMAGE);
}

/* Each line is a reading of its own: nothing goes on from one to the next. */
void
inspect_readings(struct inspect *w, struct slice lines)
{
	struct slice line;

	stamp_mark(&w->fold, lines, inspect_found, w);
	while (lines.n > 0) {
		slice_cut(&lines, '\n', &line);
		scan_text(&w->scan, line);
	}
}
