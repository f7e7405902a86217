/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "common/utf8.h"
#include "mime/summary.h"

static const char mail[] =
	"Received: from x\r\nDate: Sun, 22 Nov 2026 08:00:00 +0700\r\n"
	"From: =?UTF-8?B?Tmd1eeG7hW4=?= <a@tinh.vn>\r\nTo: b@tinh.vn, \"C\" <c@tinh.vn>\r\n"
	"Subject: =?UTF-8?Q?B=C3=A1o_c=C3=A1?=\r\n =?UTF-8?Q?o?=\r\nMessage-ID: <1@tinh.vn>\r\n"
	"References: <0@x>\r\n\t<00@x> junk\r\nIn-Reply-To: <00@x> (x)\r\nX-Other: y\r\n"
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nXin\r\n  ch\xc3\xa0o\r\n"
	"--b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n"
	    "\r\n"
	"QQ==\r\n--b--\r\n";

struct fixture { struct arena a; struct tree t; struct buf blob; struct summary s; };

static void
build(struct fixture *f, struct slice in)
{
	arena_init(&f->a, 64 << 20);
	buf_init(&f->blob, 64 << 20);
	assert_int_equal(tree_parse(in, &f->a, &f->t), OK);
	assert_int_equal(summary_build(&f->t, &f->a, &f->blob), OK);
	assert_int_equal(summary_open(buf_slice(&f->blob), &f->s), OK);
}

static void
drop(struct fixture *f)
{
	buf_fini(&f->blob);
	arena_clear(&f->a);
}

static void
texts_and_facts(void **state)
{
	static const struct { enum summary_text which; const char *text; } texts[] = {
		{ SUMMARY_MESSAGE_ID, "<1@tinh.vn>" },
		{ SUMMARY_IN_REPLY_TO, "<00@x>" },
		{ SUMMARY_REFERENCES, "<0@x> <00@x>" },
		{ SUMMARY_SUBJECT, "B\xc3\xa1o c\xc3\xa1o" },
		{ SUMMARY_FROM, "Nguy\xe1\xbb\x85n <a@tinh.vn>" },
		{ SUMMARY_TO, "<b@tinh.vn>, C <c@tinh.vn>" },
		{ SUMMARY_CC, "" },
		{ SUMMARY_PREVIEW, "Xin ch\xc3\xa0o" },
	};
	struct fixture f;

	(void)state;
	build(&f, slice_of(mail));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_slice(texts[i].text, summary_text(&f.s, texts[i].which),
		    slice_of(texts[i].text));
	assert_int_equal(f.s.size_octets, sizeof mail - 1);
	assert_int_equal(f.s.lines, f.t.lines);
	assert_int_equal(f.s.date_s, 1795309200);
	assert_int_equal(f.s.date_zone_min, 420);
	assert_int_equal(f.s.flags, SUMMARY_HAS_DATE | SUMMARY_HAS_FIELDS | SUMMARY_HAS_ATTACHMENT);
	assert_true(summary_text(&f.s, SUMMARY_ENVELOPE).p[0] == '(');
	drop(&f);
}

static void
parts_are_those_of_the_tree(void **state)
{
	struct summary_part p;
	struct fixture f;

	(void)state;
	build(&f, slice_of(mail));
	assert_int_equal(f.s.part_count, f.t.count);
	for (uint32_t i = 0; i < f.t.count; i++) {
		const struct tree_part *q = &f.t.parts[i];

		assert_int_equal(summary_part(&f.s, i, &p), OK);
		assert_true(p.parent == q->parent && p.first_child == q->first_child &&
		    p.next_sibling == q->next_sibling && p.number == q->number);
		assert_true(p.header_begin == q->header_begin && p.body_begin == q->body_begin &&
		    p.body_end == q->body_end && p.body_lines == q->body_lines);
		assert_true(p.kind == q->kind && p.encoding == q->encoding &&
		    p.charset == q->charset);
	}
	assert_int_equal(summary_part(&f.s, f.t.count, &p), ERR_CORRUPT);
	drop(&f);
}

static void
header_fields_without_the_message(void **state)
{
	struct slice known[] = { SLICE("subject"), SLICE("DATE") }, other[] = { SLICE("X-Other") };
	uint32_t begin, end;
	struct fixture f;
	struct buf b;

	(void)state;
	build(&f, slice_of(mail));
	buf_init(&b, 1000);
	assert_int_equal(summary_header_fields(&f.s, known, 2, &b), 1);
	check_slice("fields", buf_slice(&b), SLICE("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"
	    "Subject: =?UTF-8?Q?B=C3=A1o_c=C3=A1?=\r\n =?UTF-8?Q?o?=\r\n\r\n"));
	assert_int_equal(summary_header_fields(&f.s, other, 1, &b), 0);
	assert_int_equal(summary_field(&f.s, SLICE("from"), &begin, &end), 1);
	check_slice("range", slice_sub(slice_of(mail), begin, end - begin),
	    SLICE("From: =?UTF-8?B?Tmd1eeG7hW4=?= <a@tinh.vn>\r\n"));
	assert_int_equal(summary_field(&f.s, SLICE("X-Other"), &begin, &end), 0);
	assert_int_equal(summary_field(&f.s, SLICE("Bcc"), &begin, &end), 0);
	buf_fini(&b);
	drop(&f);
}

static void
long_texts_are_cut_and_say_so(void **state)
{
	struct slice name = SLICE("To");
	struct fixture f;
	struct buf in, b;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&b, 1 << 20);
	buf_adds(&in, "To: a@b");
	for (int i = 0; i < 1000; i++)
		buf_adds(&in, ",\r\n nguoi@tinh.vn");
	buf_adds(&in, "\r\n\r\n");
	build(&f, buf_slice(&in));
	assert_true((f.s.flags & SUMMARY_CUT) != 0);
	assert_true((f.s.flags & SUMMARY_HAS_FIELDS) == 0);
	assert_int_equal(summary_text(&f.s, SUMMARY_TO).n, SUMMARY_TEXT_MAX);
	assert_int_equal(summary_text(&f.s, SUMMARY_FIELDS).n, 0);
	assert_int_equal(summary_header_fields(&f.s, &name, 1, &b), 0);
	buf_fini(&in);
	buf_fini(&b);
	drop(&f);
}

/* Use everything that a reader can ask of a blob; the sanitizers see what it touches. */
static unsigned
read_all(struct slice blob)
{
	struct slice name = SLICE("From");
	struct summary s;
	uint32_t begin, end;
	unsigned sum = 0;
	struct buf b;

	if (summary_open(blob, &s) != OK)
		return 0;
	buf_init(&b, 10000);
	for (int i = 0; i < SUMMARY_TEXT_COUNT + 1; i++) {
		struct slice t = summary_text(&s, (enum summary_text)i);

		for (size_t k = 0; k < t.n; k++)
			sum += (unsigned char)t.p[k];
	}
	for (uint32_t i = 0; i < s.part_count; i++) {
		struct summary_part p;

		if (summary_part(&s, i, &p) == OK)
			assert_true(p.body_end <= s.size_octets);
	}
	if (summary_field(&s, name, &begin, &end) == 1)
		assert_true(begin <= end && end <= s.size_octets);
	sum += summary_header_fields(&s, &name, 1, &b) == 1;
	buf_fini(&b);
	return sum + 1;
}

static void
damaged_blobs_are_survived(void **state)
{
	struct fixture f;
	char *copy;
	size_t n;

	(void)state;
	build(&f, slice_of(mail));
	n = f.blob.n;
	for (size_t i = 0; i < n; i++) {	/* cut short, in memory of exactly that size */
		copy = malloc(i == 0 ? 1 : i);
		assert_non_null(copy);
		memcpy(copy, f.blob.p, i);
		assert_int_equal(read_all((struct slice){ copy, i }), 0);
		free(copy);
	}
	copy = malloc(n);
	assert_non_null(copy);
	for (size_t i = 0; i < n; i++) {
		static const char values[] = { 0, 1, 0x7f, (char)0x80, (char)0xff };

		for (size_t v = 0; v < sizeof values; v++) {
			memcpy(copy, f.blob.p, n);
			copy[i] = values[v];
			(void)read_all((struct slice){ copy, n });
		}
	}
	free(copy);
	drop(&f);
}

static void
another_version_is_named(void **state)
{
	struct summary s;
	struct fixture f;

	(void)state;
	build(&f, slice_of(mail));
	f.blob.p[3] = SUMMARY_VERSION + 1;
	assert_int_equal(summary_open(buf_slice(&f.blob), &s), ERR_VERSION);
	f.blob.p[0] = 'X';
	assert_int_equal(summary_open(buf_slice(&f.blob), &s), ERR_CORRUPT);
	drop(&f);
}

static void
ten_thousand_parts(void **state)
{
	struct fixture f;
	struct buf in;

	(void)state;
	buf_init(&in, 64 << 20);
	buf_adds(&in, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 12000; i++)
		buf_adds(&in, "--b\r\nContent-Type: text/plain; name*0=a; name*1=b; x=\"y\"\r\n\r"
		    "\nx\r\n");
	build(&f, buf_slice(&in));
	assert_int_equal(f.s.part_count, TREE_PARTS_MAX);
	assert_true(TREE_HAS(f.s.tree_flags, TREE_MANY));
	buf_fini(&in);
	drop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_facts),
		cmocka_unit_test(parts_are_those_of_the_tree),
		cmocka_unit_test(header_fields_without_the_message),
		cmocka_unit_test(long_texts_are_cut_and_say_so),
		cmocka_unit_test(damaged_blobs_are_survived),
		cmocka_unit_test(another_version_is_named),
		cmocka_unit_test(ten_thousand_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
