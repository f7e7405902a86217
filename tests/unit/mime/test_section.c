/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/section.h"

/* The example of RFC 3501 6.4.5: 1 text, 2 octet-stream, 3 message (3.1 text, 3.2 octets),
 * 4 multipart (4.1 gif, 4.2 message with 4.2.1 text and 4.2.2 multipart/alternative). */
static const char mail[] =
	"Subject: root\r\nTo: x@y\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="
	    "A\r\n\r\n"
	"--A\r\n\r\none\r\n"
	"--A\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"
	"--A\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: m3\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"
	"--B\r\n\r\nthree-one\r\n--B\r\nContent-Type: a/b\r\n\r\nthree-two\r\n--B--\r\n"
	"--A\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n"
	"--C\r\nContent-Type: image/gif\r\n\r\nfour-one\r\n"
	"--C\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: m42\r\n\r\nfour-two\r\n--C--\r\n"
	"--A--\r\n";

/* NULL octets: no such part. FIELDS give the text after filtering. */
static const struct { const char *section, *octets; } rows[] = {
	{ "HEADER", "Subject: root\r\nTo: x@y\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=A\r\n\r\n" },
	{ "1", "one" }, { "1.MIME", "\r\n" }, { "2", "two" },
	{ "2.mime", "Content-Type: application/octet-stream\r\n\r\n" },
	{ "3.HEADER", "Subject: m3\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" },
	{ "3.TEXT", "--B\r\n\r\nthree-one\r\n--B\r\nContent-Type: a/b\r\n\r\nthree-two\r\n--B--" },
	{ "3.1", "three-one" }, { "3.2", "three-two" }, { "3.2.MIME", "Content-Type: a/b\r\n\r\n" },
	{ "3.MIME", "Content-Type: message/rfc822\r\n\r\n" },
	{ "4.1", "four-one" }, { "4.2.HEADER", "Subject: m42\r\n\r\n" }, { "4.2.TEXT", "four-two" },
	{ "4.2.1", "four-two" }, { "4.2", "Subject: m42\r\n\r\nfour-two" },
	{ "4.2.1.MIME", "Subject: m42\r\n\r\n" },
	{ "1.1", NULL }, { "5", NULL }, { "1.HEADER", NULL }, { "4.TEXT", NULL }, { "4.2.2", NULL },
	{ "3.3", NULL }, { "4.2.1.1", NULL },
	{ "HEADER.FIELDS (to SUBJECT)", "Subject: root\r\nTo: x@y\r\n\r\n" },
	{ "HEADER.FIELDS (\"To\")", "To: x@y\r\n\r\n" },
	{ "HEADER.FIELDS (Nope)", "\r\n" },
	{ "HEADER.FIELDS.NOT (Subject Content-Type MIME-Version)", "To: x@y\r\n\r\n" },
	{ "3.HEADER.FIELDS (Subject)", "Subject: m3\r\n\r\n" },
};

static const char *const bad[] = { "MIME", "0", "1.0", "01", "1.", "1..2", "X", "HEADERX",
    "1.TEXTX",
	"HEADER.FIELDS", "HEADER.FIELDS ()", "HEADER.FIELDS (a", "HEADER.FIELDS (a b",
	    "HEADER.FIELDS a",
	"HEADER.FIELDS (a) b", "HEADER.FIELDS (\"a)", "HEADER.FIELDS (a  b)", "99999999999", ".1",
	    "1 ",
	"1.HEADER.FIELDS.NOT" };

struct fixture { struct arena a; struct buf blob; struct summary s; };

static void
open_mail(struct fixture *f, struct slice in)
{
	struct tree t;

	arena_init(&f->a, 16 << 20);
	buf_init(&f->blob, 16 << 20);
	assert_int_equal(tree_parse(in, &f->a, &t), OK);
	assert_int_equal(summary_build(&t, &f->a, &f->blob), OK);
	assert_int_equal(summary_open(buf_slice(&f->blob), &f->s), OK);
}

static void
close_mail(struct fixture *f)
{
	buf_fini(&f->blob);
	arena_clear(&f->a);
}

static void
check_row(struct fixture *f, size_t i)
{
	struct slice in = slice_of(mail), octets;
	struct section_range r;
	struct section s;
	struct buf b;
	int err;

	assert_int_equal(section_parse(slice_of(rows[i].section), &f->a, &s), OK);
	err = section_resolve(&s, &f->s, &r);
	if (rows[i].octets == NULL) {
		check_number(rows[i].section, (uint64_t)-err, (uint64_t)-ERR_NOENT);
		return;
	}
	check_number(rows[i].section, (uint64_t)-err, 0);
	octets = slice_sub(in, r.begin, r.end - r.begin);
	buf_init(&b, 1000);
	if (s.what == SECTION_FIELDS || s.what == SECTION_FIELDS_NOT) {
		section_fields(&s, octets, &b);
		octets = buf_slice(&b);
	}
	check_slice(rows[i].section, octets, slice_of(rows[i].octets));
	buf_fini(&b);
}

static void
rows_hold(void **state)
{
	struct section_range r;
	struct section s;
	struct fixture f;

	(void)state;
	open_mail(&f, slice_of(mail));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&f, i);
	assert_int_equal(section_parse(SLICE(""), &f.a, &s), OK);
	assert_int_equal(section_resolve(&s, &f.s, &r), OK);
	assert_true(r.begin == 0 && r.end == sizeof mail - 1);
	close_mail(&f);
}

static void
single_part_mail(void **state)
{
	static const struct { const char *section; uint32_t begin, end; } single[] = {
		{ "1", 14, 18 }, { "TEXT", 14, 18 }, { "HEADER", 0, 14 }, { "1.MIME", 0, 14 },
	};
	struct section_range r;
	struct section s;
	struct fixture f;
	uint32_t at;

	(void)state;
	open_mail(&f, SLICE("Subject: x\r\n\r\nbody"));
	for (size_t i = 0; i < ARRAY_LEN(single); i++) {
		assert_int_equal(section_parse(slice_of(single[i].section), &f.a, &s), OK);
		assert_int_equal(section_resolve(&s, &f.s, &r), OK);
		check_number(single[i].section, r.begin, single[i].begin);
		check_number(single[i].section, r.end, single[i].end);
	}
	assert_int_equal(section_parse(SLICE("1"), &f.a, &s), OK);
	assert_int_equal(section_part(&s, &f.s, &at), OK);
	assert_int_equal(at, 0);
	assert_int_equal(section_parse(SLICE("2"), &f.a, &s), OK);
	assert_int_equal(section_resolve(&s, &f.s, &r), ERR_NOENT);
	close_mail(&f);
}

static void
bad_sections_are_refused(void **state)
{
	struct section s;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (section_parse(slice_of(bad[i]), &a, &s) != ERR_SYNTAX)
			fail_msg("%s", bad[i]);
	buf_init(&b, 10000);
	for (int i = 0; i <= SECTION_DEPTH_MAX; i++)
		buf_adds(&b, "1.");
	buf_adds(&b, "TEXT");
	assert_int_equal(section_parse(buf_slice(&b), &a, &s), ERR_LIMIT);
	buf_clear(&b);
	buf_adds(&b, "HEADER.FIELDS (a");
	for (int i = 0; i < SECTION_FIELDS_MAX; i++)
		buf_adds(&b, " a");
	buf_adds(&b, ")");
	assert_int_equal(section_parse(buf_slice(&b), &a, &s), ERR_LIMIT);
	buf_fini(&b);
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(single_part_mail),
		cmocka_unit_test(bad_sections_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
