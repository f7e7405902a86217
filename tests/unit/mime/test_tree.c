/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/tree.h"

#define MP(b)	"Content-Type: multipart/mixed; boundary=" b "\r\nMIME-Version: 1.0\r\n\r\n"
#define F(x)	TREE_FLAG_MASK(TREE_##x##_BIT)

/* Parts are shown as path:type/subtype[body] with \r\n in bodies as "~". */
static const struct {
	const char *name, *in, *parts;
	uint64_t    flags;
} rows[] = {
	{ "plain", "Subject: x\r\n\r\nhello\r\n", "1:text/plain[hello~]", 0 },
	{ "empty", "", "1:text/plain[]", 0 },
	{ "header only", "A: b\r\n", "1:text/plain[]", 0 },
	{ "two parts", MP("b") "pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo"
	    "\r\n"
	    "--b--\r\n", ":multipart/mixed|1:text/plain[one]2:text/html[two]", F(PREAMBLE_TEXT) },
	{ "epilogue", MP("b") "--b\r\n\r\none\r\n--b--\r\nepi\r\n",
	    ":multipart/mixed|1:text/plain[one]",
	    F(EPILOGUE_TEXT) },
	{ "after close", MP("b") "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[one]", F(EPILOGUE_TEXT) },
	{ "empty part", MP("b") "--b\r\n\r\n--b--\r\n", ":multipart/mixed|1:text/plain[]", 0 },
	{ "empty part 2", MP("b") "--b\r\n\r\n\r\n--b--\r\n", ":multipart/mixed|1:text/plain[]",
	    0 },
	{ "keeps its last line end", MP("b") "--b\r\n\r\na\r\n\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[a~]", 0 },
	{ "header cut", MP("b") "--b\r\nContent-Type: text/html\r\n--b\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/mixed|1:text/html[]2:text/plain[x]", F(HEADER_CUT) },
	{ "white space behind", MP("b") "--b \t\r\n\r\na\r\n--b-- \r\n",
	    ":multipart/mixed|1:text/plain[a]", 0 },
	{ "prefix is no boundary", MP("b") "--b\r\n\r\na\r\n--bb\r\nc\r\n--b--x\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[a~--bb~c~--b--x]", F(BOUNDARY_PREFIX) },
	{ "no close", MP("b") "--b\r\n\r\na\r\n", ":multipart/mixed|1:text/plain[a~]",
	    F(NO_CLOSE) },
	{ "no parts", MP("b") "text\r\n", ":multipart/mixed|",
	    F(NO_CLOSE) | F(NO_PARTS) | F(PREAMBLE_TEXT) },
	{ "close at once", MP("b") "--b--\r\n", ":multipart/mixed|", F(NO_PARTS) },
	{ "no boundary", "Content-Type: multipart/mixed\r\nMIME-Version: 1.0\r\n\r\nx\r\n",
	    ":multipart/mixed|", F(BOUNDARY_MISSING) | F(NO_PARTS) | F(PREAMBLE_TEXT) },
	{ "nested", MP("a") "--a\r\n" MP("c") "--c\r\n\r\n1\r\n--c\r\n\r\n2\r\n--c--\r\n--a\r\n\r"
	    "\n3\r\n"
	    "--a--\r\n", ":multipart/mixed|1:multipart/mixed|1.1:text/plain[1]1.2:text/plain[2]"
	    "2:text/plain[3]", 0 },
	{ "inner not closed", MP("a") "--a\r\n" MP("c") "--c\r\n\r\n1\r\n--a\r\n\r\n3\r\n--a--\r\n",
	    ":multipart/mixed|1:multipart/mixed|1.1:text/plain[1]2:text/plain[3]", F(NO_CLOSE) },
	{ "nested same boundary", MP("a") "--a\r\n" MP("a") "--a\r\n\r\n1\r\n--a--\r\n--a--\r\n",
	    ":multipart/mixed|1:multipart/mixed|1.1:text/plain[1]", F(BOUNDARY_NESTED) },
	{ "outer begins inner", MP("a") "--a\r\n" MP("ab") "--ab\r\n\r\n1\r\n--ab--\r\n--a--\r\n",
	    ":multipart/mixed|1:multipart/mixed|1.1:text/plain[1]", F(BOUNDARY_NESTED) },
	{ "message", "Content-Type: message/rfc822\r\nMIME-Version: 1.0\r\n\r\nSubject: y\r\n\r\ni"
	    "n\r\n",
	    "1:message/rfc822[Subject: y~~in~]1.1:text/plain[in~]", 0 },
	{ "message with multipart", MP("a") "--a\r\nContent-Type: message/rfc822\r\n\r\n" MP("c")
	    "--c\r\n\r\n1\r\n--c--\r\n--a--\r\n",
	    ":multipart/mixed|1:message/rfc822|1:multipart/mixed|1.1:text/plain[1]", 0 },
	{ "message cut in its header", MP("a") "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject"
	    ": x\r\n"
	    "--a--\r\n", ":multipart/mixed|1:message/rfc822[Subject: x~]1.1:text/plain[]",
	        F(HEADER_CUT) },
	{ "message of a header only", MP("a") "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject:"
	    " x\r\n"
	    "\r\n--a--\r\n", ":multipart/mixed|1:message/rfc822[Subject: x~~]1.1:text/plain[]", 0 },
	{ "digest", "Content-Type: multipart/digest; boundary=b\r\nMIME-Version: 1.0\r\n\r\n--b\r"
	    "\n\r\n"
	    "Subject: z\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/digest|1:message/rfc822[Subject: z~~x]1.1:text/plain[x]", 0 },
	{ "lf only", "Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\none\n"
	    "--b--\n",
	    ":multipart/mixed|1:text/plain[one]", F(BARE_LF) },
	{ "duplicate type", "Content-Type: text/plain\r\nContent-Type: text/html\r\nMIME-Version: "
	    "1.0\r\n"
	    "\r\n", "1:text/plain[]", F(DUPLICATE_TYPE) },
	{ "duplicate encoding", "Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: bas"
	    "e64\r\n"
	    "MIME-Version: 1.0\r\n\r\n", "1:text/plain[]", F(DUPLICATE_ENCODING) },
	{ "duplicate disposition", "Content-Disposition: inline\r\nContent-Disposition: attachment"
	    "\r\n\r\n",
	    "1:text/plain[]", F(DUPLICATE_DISPOSITION) },
	{ "duplicate version", "MIME-Version: 1.0\r\nMIME-Version: 1.0\r\n\r\n", "1:text/plain[]",
	    F(DUPLICATE_VERSION) },
	{ "no version", "Content-Type: text/html\r\n\r\n", "1:text/html[]", F(NO_VERSION) },
	{ "duplicate boundary", MP("b; boundary=c") "--b\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[x]",
	    F(DUPLICATE_BOUNDARY) | F(BOUNDARY_ILLEGAL) | F(PARAM_DUPLICATE) |
		F(NAME_CONFLICT) },
	{ "illegal boundary", MP("\"b!\"") "--b!\r\n\r\nx\r\n--b!--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	/* what programs take for the boundary differs */
	{ "comment before a boundary", MP("(c)b") "--b\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	{ "escape in a boundary", MP("\"\\b\"") "--b\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	{ "boundary in pieces", "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n"
	    "MIME-Version: 1.0\r\n\r\n--ab\r\n\r\nx\r\n--ab--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	{ "single quotes", MP("'b'") "--'b'\r\n\r\nx\r\n--'b'--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	{ "boundary in another value", MP("b; name=\"boundary=c\"") "--b\r\n\r\nx\r\n--b--\r\n",
	    ":multipart/mixed|1:text/plain[x]", F(BOUNDARY_ILLEGAL) },
	{ "folded boundary", MP("\r\n\t\"b b\"") "--b b\r\n\r\nx\r\n--b b--\r\n",
	    ":multipart/mixed|1:text/plain[x]", 0 },
	{ "multipart in base64", "Content-Transfer-Encoding: base64\r\n" MP("b")
	    "--b\r\n\r\nx\r\n--b--\r\n", ":multipart/mixed|1:text/plain[x]",
	        F(ENCODING_COMPOSITE) },
	{ "message in base64", "Content-Transfer-Encoding: base64\r\nContent-Type: message/rfc822"
	    "\r\n"
	    "MIME-Version: 1.0\r\n\r\nQQ==\r\n", "1:message/rfc822[QQ==~]", F(ENCODING_COMPOSITE) },
	{ "unknown encoding", "Content-Transfer-Encoding: x-uue\r\nMIME-Version: 1.0\r\n\r\n",
	    "1:text/plain[]", F(ENCODING_UNKNOWN) },
	{ "unknown charset", "Content-Type: text/plain; charset=klingon\r\nMIME-Version: 1.0\r\n\r"
	    "\n",
	    "1:text/plain[]", F(CHARSET_UNKNOWN) },
	{ "names differ", "Content-Type: text/plain; name=a.txt\r\nMIME-Version: 1.0\r\n"
	    "Content-Disposition: attachment; filename=b.txt\r\n\r\n", "1:text/plain[]",
	    F(NAME_CONFLICT) },
	{ "type without slash", "Content-Type: text\r\nMIME-Version: 1.0\r\n\r\n", "1:text/plain[]",
	    F(TYPE_SYNTAX) | F(PARAM_SYNTAX) },
	{ "partial", "Content-Type: message/partial; id=x\r\nMIME-Version: 1.0\r\n\r\n",
	    "1:message/partial[]", F(PARTIAL) },
	{ "malformed", "From a@b\r\nSubject : x\r\n\r\n", "1:text/plain[]", F(HEADER_MALFORMED) },
};

static void
show(const struct tree *t, struct buf *b)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];
		struct slice body = tree_body(t, i);
		bool holds_multipart = p->first_child != TREE_NONE &&
		    t->parts[p->first_child].kind == TREE_MULTIPART;

		tree_path(t, i, b);
		buf_addc(b, ':');
		buf_add(b, p->type);
		buf_addc(b, '/');
		buf_add(b, p->subtype);
		buf_addc(b, p->kind == TREE_MULTIPART || holds_multipart ? '|' : '[');
		if (p->kind == TREE_MULTIPART || holds_multipart)
			continue;
		for (size_t k = 0; k < body.n; k++) {
			if (body.p[k] == '\r' && k + 1 < body.n && body.p[k + 1] == '\n')
				continue;
			buf_addc(b, body.p[k] == '\n' ? '~' : body.p[k]);
		}
		buf_addc(b, ']');
	}
}

/* Ranges nest, children stand in order, lines are those of the octets. */
static void
check_ranges(const char *row, const struct tree *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];
		struct slice body = tree_body(t, i);
		uint32_t lines = 0;

		assert_true(p->header_begin <= p->header_end && p->header_end == p->body_begin);
		assert_true(p->body_begin <= p->body_end && p->body_end <= t->message.n);
		for (size_t k = 0; k < body.n; k++)
			lines += body.p[k] == '\n';
		check_number(row, p->body_lines, lines);
		if (p->parent == TREE_NONE)
			continue;
		assert_true(p->parent < i && p->depth == t->parts[p->parent].depth + 1);
		assert_true(p->header_begin >= t->parts[p->parent].body_begin);
		if (p->body_end > t->parts[p->parent].body_end)
			fail_msg("%s: part %u ends behind its parent", row, i);
	}
}

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a;
		struct tree t;
		struct buf b;

		arena_init(&a, 1 << 20);
		buf_init(&b, 10000);
		assert_int_equal(tree_parse(slice_of(rows[i].in), &a, &t), OK);
		show(&t, &b);
		check_slice(rows[i].name, buf_slice(&b), slice_of(rows[i].parts));
		check_number(rows[i].name, t.flags, rows[i].flags);
		check_ranges(rows[i].name, &t);
		buf_fini(&b);
		arena_clear(&a);
	}
}

/* Every prefix of every row: no state is left open, ranges stay sound. */
static void
every_prefix_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice in = slice_of(rows[i].in);

		for (size_t n = 0; n < in.n; n++) {
			struct arena a;
			struct tree t;

			arena_init(&a, 1 << 20);
			assert_int_equal(tree_parse(slice_sub(in, 0, n), &a, &t), OK);
			check_ranges(rows[i].name, &t);
			arena_clear(&a);
		}
	}
}

static void
parse(struct buf *b, uint32_t *count_out, uint64_t *flags_out, uint16_t *depth_out)
{
	struct arena a;
	struct tree t;

	arena_init(&a, TREE_ARENA_OCTETS(b->n));
	assert_int_equal(b->err, OK);
	assert_int_equal(tree_parse(buf_slice(b), &a, &t), OK);
	*count_out = t.count;
	*flags_out = t.flags;
	*depth_out = 0;
	for (uint32_t i = 0; i < t.count; i++)
		*depth_out = t.parts[i].depth > *depth_out ? t.parts[i].depth : *depth_out;
	assert_int_equal(t.parts[0].body_end, b->n);
	arena_clear(&a);
}

static void
too_many_parts_are_flagged(void **state)
{
	uint64_t flags;
	uint32_t count;
	uint16_t depth;
	struct buf b;

	(void)state;
	buf_init(&b, 64 << 20);
	buf_adds(&b, MP("b"));
	for (int i = 0; i < 20000; i++)
		buf_adds(&b, "--b\r\n\r\nx\r\n");
	buf_adds(&b, "--b--\r\n");
	parse(&b, &count, &flags, &depth);
	assert_int_equal(count, TREE_PARTS_MAX);
	assert_true(TREE_HAS(flags, TREE_MANY) && tree_is_ambiguous(flags));
	buf_fini(&b);
}

static void
thousand_deep_is_flagged(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		uint64_t flags;
		uint32_t count;
		uint16_t depth;
		struct buf b;

		buf_init(&b, 64 << 20);
		for (int i = 0; i < 1000; i++) {
			if (k == 0)
				buf_addf(&b,
				    "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n",
				    i, i);
			else
				buf_adds(&b, "Content-Type: message/rfc822\r\n\r\n");
		}
		parse(&b, &count, &flags, &depth);
		assert_int_equal(depth, TREE_DEPTH_MAX);
		assert_true(TREE_HAS(flags, TREE_DEEP));
		buf_fini(&b);
	}
}

static void
repeat(const char *head, const char *item, size_t n)
{
	uint64_t flags;
	uint32_t count;
	uint16_t depth;
	struct buf b;

	buf_init(&b, 64 << 20);
	buf_adds(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, item);
	parse(&b, &count, &flags, &depth);
	buf_fini(&b);
}

static void
run_prefixes(size_t n)
{
	repeat(MP("bbbbbbbbbbbbbbbbbbbb"), "--bbbbbbbbbbbbbbbbbbb\r\n", n);
}

static void
run_dashes(size_t n)
{
	repeat(MP("b"), "--\r\n", n);
}

static void
run_cut_headers(size_t n)
{
	repeat(MP("b"), "--b\r\nA: b\r\n", n);
}

static void
run_line_ends(size_t n)
{
	repeat(MP("b") "--b\r\n\r\n", "\n", n);
}

/* 45 open multiparts whose boundaries differ in the last octets only, and lines like them. */
static void
run_deep_prefixes(size_t n)
{
	uint64_t flags;
	uint32_t count;
	uint16_t depth;
	struct buf b;

	buf_init(&b, 64 << 20);
	for (int i = 0; i < 45; i++)
		buf_addf(&b, "Content-Type: multipart/mixed; boundary=%060d%02d\r\n\r\n--%060d%02d"
		    "\r\n", 0, i,
		    0, i);
	buf_adds(&b, "\r\n");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "--%060d%02d\r\n", 0, 99);
	parse(&b, &count, &flags, &depth);
	assert_int_equal(count, 46);
	buf_fini(&b);
}

static void
hostile_boundaries_are_linear(void **state)
{
	(void)state;
	check_linear("prefixes", run_prefixes, 20000);
	check_linear("dashes", run_dashes, 50000);
	check_linear("cut headers", run_cut_headers, 1000);
	check_linear("line ends", run_line_ends, 200000);
	check_linear("deep prefixes", run_deep_prefixes, 5000);
}

static void
arena_ceiling_is_an_error(void **state)
{
	struct arena a;
	struct tree t;

	(void)state;
	arena_init(&a, 100);
	assert_int_equal(tree_parse(SLICE("a: b\r\n\r\n"), &a, &t), ERR_LIMIT);
	arena_clear(&a);
}

static void
parts_decode(void **state)
{
	struct slice in = SLICE("Content-Transfer-Encoding: base64\r\nContent-Disposition: attachm"
	    "ent;\r\n"
	    " filename*=utf-8''b%C3%A1o.txt\r\n\r\nTeG6rFQ=\r\n");
	struct arena a;
	struct tree t;
	struct buf b;

	(void)state;
	arena_init(&a, 1 << 20);
	buf_init(&b, 100);
	assert_int_equal(tree_parse(in, &a, &t), OK);
	assert_int_equal(tree_decode(&t, 0, &b, NULL), OK);
	check_slice("body", buf_slice(&b), SLICE("M\xe1\xba\xacT"));
	check_slice("name", t.parts[0].filename, SLICE("b\xc3\xa1o.txt"));
	assert_true(tree_is(&t, 0, "TEXT", "Plain") && !tree_is(&t, 0, "text", "html"));
	buf_fini(&b);
	arena_clear(&a);
}

static void
flags_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TREE_FLAG_COUNT; i++) {
		assert_true(strncmp(tree_flag_name(i), "TREE_", 5) == 0);
		assert_true(strlen(tree_flag_text(i)) > 5);
	}
	assert_true(tree_is_ambiguous(F(BOUNDARY_NESTED)));
	assert_false(tree_is_ambiguous(F(PREAMBLE_TEXT) | F(NO_VERSION) | F(NO_CLOSE)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(every_prefix_is_sound),
		cmocka_unit_test(too_many_parts_are_flagged),
		cmocka_unit_test(thousand_deep_is_flagged),
		cmocka_unit_test(hostile_boundaries_are_linear),
		cmocka_unit_test(arena_ceiling_is_an_error),
		cmocka_unit_test(parts_decode),
		cmocka_unit_test(flags_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
