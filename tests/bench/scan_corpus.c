/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * scan_corpus FILE...: classify messages and print one JSON line each, as the scorer of the
 * classification corpus reads them. With -v the evidence and the time follow on stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "policy/classify.h"
#include "policy/extract/extract.h"
#include "policy/smime/smime.h"

enum { MESSAGE_MAX = 64 << 20 };

static int
read_file(const char *name, struct buf *out)
{
	FILE *f = fopen(name, "rb");
	size_t n = 0;
	char *p;

	if (f == NULL)
		return -errno;
	while ((p = buf_reserve(out, 65536)) != NULL && (n = fread(p, 1, 65536, f)) > 0)
		buf_added(out, n);
	(void)fclose(f);
	return out->err;
}

static const char *
level_of(const struct facts *f)
{
	static const char *const names[] = { "none", "mat", "toi_mat", "tuyet_mat" };

	return names[f->level & 3];
}

static void
explain(const char *name, const struct facts *f, uint64_t us)
{
	fprintf(stderr, "%s: %llu us, kind %s%s%s\n", name, (unsigned long long)us,
	    kind_name(f->kind), f->ambiguous ? ", ambiguous" : "",
	    f->internal_only ? ", internal" : "");
	for (unsigned i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];

		fprintf(stderr, "  %s part \"%.*s\" at %u: %s%s\n", e->detector, (int)e->part.n,
		    e->part.p, e->position, level_name(e->level), e->asserted ? "" : " ?");
	}
}

static int
one(const char *name, bool verbose)
{
	struct classify_options o;
	struct facts f = { .level = 0 };
	struct buf message;
	struct arena a;
	uint64_t start;
	int err;

	buf_init(&message, MESSAGE_MAX);
	arena_init(&a, MESSAGE_MAX);
	classify_options_init(&o);
	o.open_signed = smime_open_signed;
	err = read_file(name, &message);
	start = clock_us();
	if (err == OK)
		err = classify_message(buf_slice(&message), &o, &a, &f);
	if (err == OK)
		printf("{\"verdict\": \"%s\", \"level\": \"%s\"}\n", f.level > 0 || f.opaque ?
		    "block" : f.review ? "review" : "allow", level_of(&f));
	else
		fprintf(stderr, "%s: %s\n", name, err_text(err));
	if (verbose)
		explain(name, &f, clock_us() - start);
	arena_clear(&a);
	buf_fini(&message);
	return err;
}

int
main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	int err = OK;

	extract_start();
	for (int i = verbose ? 2 : 1; i < argc; i++)
		if (one(argv[i], verbose) != OK)
			err = 1;
	return err;
}
