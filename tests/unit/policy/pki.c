/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/policy/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/trust.h"

enum { SIGNED_MAX = 100 };

static char dir[64], script[4096];
static struct arena kept;
static struct { const char *options; struct slice message; } made[SIGNED_MAX];
static size_t made_n;

const char *
pki_dir(void)
{
	return dir;
}

const char *
pki_script(void)
{
	return script;
}

void
pki_run(const char *fmt, ...)
{
	char command[4096];
	int n = snprintf(command, sizeof command, "cd '%s' && exec 2>>run.log; ", dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("failed: %s (see %s/run.log)", command, dir);
}

int
pki_setup(void **state)
{
	char path[4096];
	const char *src = getenv("srcdir");

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/congvu-pki.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(smime_init(), OK);
	arena_init(&kept, 256 << 20);
	snprintf(path, sizeof path, "%s/tests/pki.sh", src == NULL ? ".." : src);
	assert_non_null(realpath(path, script));
	pki_run("sh '%s' '%s'", script, dir);
	pki_write("body", SLICE("Content-Type: text/plain; charset=utf-8\r\n\r\n"
	    "Kinh gui quy co quan, noi dung cong van.\r\n"));
	return 0;
}

void
pki_revoke(const char *name)
{
	pki_run("sh '%s' . revoke inter %s", script, name);
}

int
pki_teardown(void **state)
{
	char command[128];

	(void)state;
	arena_clear(&kept);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

struct slice
pki_read(const char *name)
{
	static char mem[4 << 20];
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("cannot read %s", path);
	n = fread(mem, 1, sizeof mem, f);
	fclose(f);
	return arena_copy(&kept, (struct slice){ mem, n });
}

void
pki_write(const char *name, struct slice octets)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(octets.p, 1, octets.n, f), octets.n);
	fclose(f);
}

struct slice
pki_sign(const char *options)
{
	for (size_t i = 0; i < made_n; i++)
		if (strcmp(made[i].options, options) == 0)
			return made[i].message;
	assert_true(made_n < SIGNED_MAX);
	pki_run("openssl cms -sign -in body -crlfeol -from an@tinh.example -to b@tinh.example "
	    "-subject thu %s > signed.tmp && sed 's/\\r*$/\\r/' signed.tmp > signed.eml", options);
	made[made_n].options = options;
	made[made_n].message = pki_read("signed.eml");
	return made[made_n++].message;
}

static void
add(struct buf *blob, const char *file, enum smime_object kind)
{
	assert_int_equal(trust_parse_file(pki_read(file), kind, blob), OK);
}

struct smime_trust *
pki_trust(const char *parts)
{
	struct smime_trust *t = NULL;
	struct buf blob;

	buf_init(&blob, 1 << 20);
	if (strchr(parts, 'r') != NULL)
		add(&blob, "root.pem", SMIME_ROOT);
	if (strchr(parts, 'p') != NULL)
		add(&blob, "pool.pem", SMIME_INTERMEDIATE);
	if (strchr(parts, 'c') != NULL)
		add(&blob, "crls/inter.crl", SMIME_CRL);
	if (strchr(parts, 'C') != NULL)
		add(&blob, "crls/root.crl", SMIME_CRL);
	assert_int_equal(smime_trust_new(buf_slice(&blob), &t), OK);
	buf_fini(&blob);
	return t;
}

struct slice
pki_replace(struct slice s, const char *a, const char *b)
{
	ptrdiff_t at = slice_find(s, slice_of(a));
	struct buf out;
	struct slice r;

	if (at < 0)
		fail_msg("no \"%s\" to replace", a);
	buf_init(&out, s.n + strlen(b) + 1);
	buf_add(&out, slice_sub(s, 0, (size_t)at));
	buf_adds(&out, b);
	buf_add(&out, slice_from(s, (size_t)at + strlen(a)));
	r = arena_copy(&kept, buf_slice(&out));
	buf_fini(&out);
	return r;
}

struct slice
pki_text(const char *fmt, ...)
{
	struct slice r;
	struct buf out;
	va_list ap;

	buf_init(&out, 8 << 20);
	va_start(ap, fmt);
	buf_vaddf(&out, fmt, ap);
	va_end(ap);
	assert_int_equal(out.err, OK);
	r = arena_copy(&kept, buf_slice(&out));
	buf_fini(&out);
	return r;
}
