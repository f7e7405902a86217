/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/picture.h: a picture in `file`, looked at in the box; what its stamps say. */
#ifndef TESTS_POLICY_PICTURE_H
#define TESTS_POLICY_PICTURE_H

#include "policy/extract/box.h"
#include "policy/extract/ocr.h"
#include "policy/label/stamp.h"
#include "tests/unit/policy/pieces.h"

static struct buf file;
static struct fold scratch;
static unsigned level, reviewed;	/* the highest that is certain; how many are doubtful */

static void
found(void *arg, const struct label_finding *f)
{
	(void)arg;
	if (f->weight == LABEL_ASSERTED && f->level > level)
		level = f->level;
	reviewed += f->weight == LABEL_REVIEW;
}

static int
take(void *arg, const struct extract_piece *p)
{
	if (p->type == EXTRACT_STAMP)
		stamp_mark(&scratch, p->octets, found, NULL);
	return note(arg, p);
}

static int
look(struct slice octets, enum extract_type type, const struct extract_limits *l)
{
	level = reviewed = 0;
	buf_clear(&got);
	return box_extract(octets, type, l, take, NULL);
}

#ifdef WITH_CONTROLS
/* A reader that dies, hangs or lies about `file` is not believed. */
static inline void
look_with_faults(void)
{
	static const char *const what[] = { "crash", "hang", "lie", "short", "flood", "late" };

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		struct extract_limits l;

		extract_limits_init(&l);
		l.out_octets_max = 1 << 20;
		l.deadline_ms = strcmp(what[i], "hang") == 0 ? 200 : 60000;
		assert_int_equal(setenv("CONGVU_BOX_FAULT", what[i], 1), 0);
		assert_true(look(buf_slice(&file), EXTRACT_IMAGE, &l) < 0);
		assert_int_equal(unsetenv("CONGVU_BOX_FAULT"), 0);
		assert_int_equal(got.n, 0);
	}
}
#endif

/* cmocka group fixtures. */
static int
begin(void **state)
{
	extract_start();
	buf_init(&file, 8 << 20);
	return ocr_ready() ? pieces_setup(state) : -1;
}

static int
end(void **state)
{
	buf_fini(&file);
	return pieces_teardown(state);
}

#endif
