/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "mime/preview.h"

#define H(t)	"MIME-Version: 1.0\r\nContent-Type: " t "\r\n\r\n"

static const struct { const char *name, *in, *out; } rows[] = {
	{ "plain", "Subject: x\r\n\r\n a \r\n\r\n b\tc\r\n", "a b c" },
	{ "html", H("text/html") "<html><head><title>t</title><style>p{}</style></head><body><p>a&"
	    "amp;b</p>"
	    "<script>x<y</script><!-- c > d -->e<br>f &lt;g&gt; 1 < 2</body>",
	        "a&b e f <g> 1 < 2" },
	{ "html numbers", H("text/html") "M&#7852;T &#xE1; &nope; &#0; &",
	    "M\xe1\xba\xacT \xc3\xa1 &nope; &#0; &" },
	{ "html only tags", H("text/html") "<p><br></p>", "" },
	{ "html open tag", H("text/html") "a<p", "a" },
	{ "qp", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nM=E1=BA=ACT", "M\xe1\xba\xacT" },
	{ "plain before html", "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary"
	    "=b\r\n\r\n"
	    "--b\r\nContent-Type: text/html\r\n\r\nh\r\n--b\r\nContent-Type: text/plain\r\n\r\np\r"
	        "\n--b--\r\n", "p" },
	{ "not an attachment", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	    "\r\n"
	    "--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n"
	        "\r\n<b>h</b>\r\n"
	    "--b--\r\n", "h" },
	{ "no text", H("image/png") "xx", "" },
	{ "cut at ten", "\r\n123456789\xe1\xba\xac\xe1\xba\xac", "123456789\xe1\xba\xac" },
	{ "space at the cut", "\r\n123456789 x", "123456789" },
	{ "invisible", "\r\na\xe2\x80\x8b\xe2\x80\xae" "b\x07\xef\xbb\xbf", "ab" },
	{ "not utf-8", "\r\nb\xe1o", "b\xc3\xa1o" },
};

static void
rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a;
		struct tree t;
		struct buf b;
		size_t max = strncmp(rows[i].out, "1234", 4) == 0 ? 10 : 200;

		arena_init(&a, 1 << 20);
		buf_init(&b, 1000);
		assert_int_equal(tree_parse(slice_of(rows[i].in), &a, &t), OK);
		assert_int_equal(preview_make(&t, max, &b), OK);
		check_slice(rows[i].name, buf_slice(&b), slice_of(rows[i].out));
		buf_fini(&b);
		arena_clear(&a);
	}
}

static void
flood(size_t n, const char *item)
{
	struct buf in, out;

	buf_init(&in, 64 << 20);
	buf_init(&out, 64 << 20);
	for (size_t i = 0; i < n; i++)
		buf_adds(&in, item);
	assert_int_equal(preview_html_text(buf_slice(&in), &out), OK);
	buf_fini(&in);
	buf_fini(&out);
}

static void
run_styles(size_t n)
{
	flood(n, "<style>");
}

static void
run_comments(size_t n)
{
	flood(n, "<!--<!");
}

static void
run_entities(size_t n)
{
	flood(n, "&#&");
}

static void
hostile_html_is_linear(void **state)
{
	(void)state;
	check_linear("styles", run_styles, 50000);
	check_linear("comments", run_comments, 50000);
	check_linear("entities", run_entities, 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(hostile_html_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
