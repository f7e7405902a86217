/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Text, subjects, file names and labels: findings are well formed; a mark behind anything on lines
 * of its own is always found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/words.h"
#include "policy/label/labels.h"
#include "policy/label/name.h"
#include "policy/label/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
found(void *arg, const struct label_finding *f)
{
	unsigned *highest = arg;

	if (f->level > LEVEL_TUYET_MAT || f->weight > LABEL_INTERNAL || f->detector[0] == '\0')
		abort();
	if (strcmp(f->detector, "line-mark") == 0 && f->level > *highest)
		*highest = f->level;
}

/* The input, ten lines with a word each (so that no list of levels spans both), and the mark. */
static void
scan(struct scan *s, struct slice in, struct fold *f)
{
	static const char tail[] = "\nxyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\n"
	    "xyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\nxyzxyzxyz\n"
	    "TUY\xE1\xBB\x86T M\xE1\xBA\xACT";
	char *text = malloc(in.n + sizeof tail);
	unsigned highest = 0;

	(void)f;
	if (text == NULL)
		return;
	memcpy(text, in.p, in.n);
	memcpy(text + in.n, tail, sizeof tail - 1);
	scan_init(s, found, NULL, &highest);
	scan_text(s, (struct slice){ text, in.n + sizeof tail - 1 });
	scan_fini(s);
	free(text);
	if (highest != LEVEL_TUYET_MAT)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct scan *s = malloc(sizeof *s);
	struct fold *f = malloc(sizeof *f);
	unsigned highest = 0;
	struct arena a;

	if (s == NULL || f == NULL)
		abort();
	scan(s, in, f);
	name_subject(f, in, found, &highest);
	name_file(f, in, found, &highest);
	arena_init(&a, 1 << 20);
	(void)!labels_field(SLICE("SIO-Label"), in, in, f, &a, found, &highest);
	(void)!labels_field(SLICE("X-Do-Mat"), in, in, f, &a, found, &highest);
	arena_clear(&a);
	free(s);
	free(f);
	return 0;
}
