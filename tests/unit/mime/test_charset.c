/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/mime/mime_test.h"

#include "common/utf8.h"
#include "mime/charset.h"

static const struct {
	enum charset cs;
	struct slice in;
	const char  *out;
	unsigned     flags;
} rows[] = {
	/* the byte strings of the marks that a classifier must find */
	{ CHARSET_TCVN3, B("M\xcbT"), "M\xe1\xba\xadT", 0 },
	{ CHARSET_TCVN3, B("T\xe8i m\xcbt"), "T\xe1\xbb\x91i m\xe1\xba\xadt", 0 },
	{ CHARSET_TCVN3, B("TUY\xd6T"), "TUY\xe1\xbb\x87T", 0 },
	{ CHARSET_TCVN3, B("\xa7\xe9 m\xcbt"), "\xc4\x90\xe1\xbb\x99 m\xe1\xba\xadt", 0 },
	{ CHARSET_TCVN3, B("l\xadu h\xb5nh"), "l\xc6\xb0u h\xc3\xa0nh", 0 },
	{ CHARSET_TCVN3, B("b\xdd m\xcbt"), "b\xc3\xad m\xe1\xba\xadt", 0 },
	{ CHARSET_TCVN5712, B("M\x86T"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_TCVN5712, B("T\xffI"), "T\xe1\xbb\x90I", 0 },
	{ CHARSET_VNI, B("MA\xc4T"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_VNI, B("ma\xe4t"), "m\xe1\xba\xadt", 0 },
	{ CHARSET_VNI, B("TO\xc1I MA\xc4T"), "T\xe1\xbb\x90I M\xe1\xba\xacT", 0 },
	{ CHARSET_VNI, B("Tuye\xe4t"), "Tuy\xe1\xbb\x87t", 0 },
	{ CHARSET_VNI, B("\xd1O\xc4"), "\xc4\x90\xe1\xbb\x98", 0 },
	{ CHARSET_VNI, B("TH\xd6\xd4\xcfNG KHA\xc5N"), "TH\xc6\xaf\xe1\xbb\xa2NG KH\xe1\xba\xa8N",
	    0 },
	{ CHARSET_VNI, B("b\xed"), "b\xc3\xad", 0 },
	{ CHARSET_VNI, B("HO\xdb" "A TO\xc1" "C"), "H\xe1\xbb\x8e" "A T\xe1\xbb\x90" "C", 0 },
	{ CHARSET_VNI, B("LA\xebm"), "L\xe1\xba\xb6m", 0 },
	{ CHARSET_VISCII, B("M\x87T m\xa7t"), "M\xe1\xba\xacT m\xe1\xba\xadt", 0 },
	{ CHARSET_VISCII, B("T\x8fI"), "T\xe1\xbb\x90I", 0 },
	{ CHARSET_VISCII, B("\xd0\x93"), "\xc4\x90\xe1\xbb\x98", 0 },
	{ CHARSET_VPS, B("M\xc6T"), "M\xe1\xba\xadT", 0 },
	{ CHARSET_VPS, B("T\x96I TUY\x8cT"), "T\xe1\xbb\x90I TUY\xe1\xbb\x87T", 0 },
	{ CHARSET_VPS, B("\xf1\xb6"), "\xc4\x90\xe1\xbb\x99", 0 },
	{ CHARSET_WINDOWS_1258, B("M\xc2\xf2T"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_WINDOWS_1258, B("TUY\xca\xf2T \xd0\xd4\xf2"),
	    "TUY\xe1\xbb\x86T \xc4\x90\xe1\xbb\x98", 0 },
	{ CHARSET_WINDOWS_1258, B("TH\xdd\xd5\xf2NG"), "TH\xc6\xaf\xe1\xbb\xa2NG", 0 },
	{ CHARSET_WINDOWS_1258, B("w\xf2"), "\xe1\xba\x89", 0 },
	{ CHARSET_WINDOWS_1252, B("\x80\x93m\x94"), "\xe2\x82\xac\xe2\x80\x9cm\xe2\x80\x9d", 0 },
	{ CHARSET_WINDOWS_1252, B("\x81"), "\xef\xbf\xbd", CHARSET_BAD },
	{ CHARSET_ISO_8859_1, B("\xe1\x80"), "\xc3\xa1\xe2\x82\xac", 0 },
	{ CHARSET_US_ASCII, B("a\xe1" "b"), "a\xef\xbf\xbd" "b", CHARSET_BAD },
	{ CHARSET_UTF_8, B("M\xe1\xba\xacT"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_UTF_8, B("a\xe1\xba" "b\xed\xa0\x80"),
	    "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", CHARSET_BAD },
	{ CHARSET_UTF_8, B("\xf0\x9f\x98"), "\xef\xbf\xbd", CHARSET_BAD },
	{ CHARSET_UTF_16LE, B("M\0\xac\x1eT\0"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_UTF_16BE, B("\0M\x1e\xac\0T"), "M\xe1\xba\xacT", 0 },
	{ CHARSET_UTF_16, B("\xff\xfeM\0\xac\x1e"), "M\xe1\xba\xac", 0 },
	{ CHARSET_UTF_16, B("\xfe\xff\0M\x1e\xac"), "M\xe1\xba\xac", 0 },
	{ CHARSET_UTF_16BE, B("\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80", 0 },
	{ CHARSET_UTF_16BE, B("\xd8\x3d\0A"), "\xef\xbf\xbd" "A", CHARSET_BAD },
	{ CHARSET_UTF_16BE, B("\xde\x00"), "\xef\xbf\xbd", CHARSET_BAD },
	{ CHARSET_UTF_16BE, B("\0A\0"), "A\xef\xbf\xbd", CHARSET_BAD },
	{ CHARSET_UTF_7, B("M+Hqw-T m+Hq0-t"), "M\xe1\xba\xacT m\xe1\xba\xadt", 0 },
	{ CHARSET_UTF_7, B("T+HtA-I"), "T\xe1\xbb\x90I", 0 },
	{ CHARSET_UTF_7, B("a+-b"), "a+b", 0 },
	{ CHARSET_UTF_7, B("+2D3eAA-"), "\xf0\x9f\x98\x80", 0 },
	{ CHARSET_UTF_7, B("+Hq.x"), "\xef\xbf\xbd.x", CHARSET_BAD },
	{ CHARSET_UTF_7, B("\xe1"), "\xef\xbf\xbd", CHARSET_BAD },
};

static unsigned
decode_cut(enum charset cs, struct slice in, size_t cut, struct buf *out)
{
	struct charset_decoder d;
	size_t at[] = { 0, cut, cut + 1 < in.n ? cut + 1 : in.n, in.n };

	charset_init(&d, cs);
	for (size_t i = 0; i + 1 < ARRAY_LEN(at); i++)
		charset_feed(&d, slice_sub(in, at[i], at[i + 1] - at[i]), out);
	charset_end(&d, out);
	return d.flags;
}

static void
rows_hold_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[64];

		snprintf(name, sizeof name, "row %zu %s", i, charset_name(rows[i].cs));
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			struct buf b;

			buf_init(&b, 1000);
			check_number(name, decode_cut(rows[i].cs, rows[i].in, cut, &b),
			    rows[i].flags);
			check_slice(name, buf_slice(&b), slice_of(rows[i].out));
			buf_fini(&b);
		}
	}
}

/* The Vietnamese letters of the single-octet charsets: each octet decodes to NFC, and every
 * charset that has capitals and small letters has all 134 letters. */
static void
vietnamese_letters_are_all_there(void **state)
{
	static const char letters[] = "aAeEiIoOuUyY";
	static const uint16_t shapes[] = { 0, 0x302, 0x306, 0x31b }, tones[] = { 0, 0x300, 0x301,
	    0x303, 0x309, 0x323 };
	static const enum charset sets[] = { CHARSET_VISCII, CHARSET_TCVN5712, CHARSET_VPS };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sets); k++) {
		bool has[0x2000] = { false };
		unsigned missing = 0, want = 0;

		for (unsigned c = 0; c < 256; c++) {
			char octet = (char)c;
			struct buf b;
			struct slice s;
			uint32_t cp = 0;

			buf_init(&b, 16);
			assert_int_equal(charset_to_utf8(sets[k], (struct slice){ &octet, 1 }, &b,
			    NULL), OK);
			s = buf_slice(&b);
			if (utf8_next(&s, &cp) == 1 && cp < ARRAY_LEN(has))
				has[cp] = true;
			buf_fini(&b);
		}
		for (size_t i = 0; i + 1 < sizeof letters; i++) {
			for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
				uint32_t base = shapes[s] == 0 ? (uint32_t)letters[i] :
				    utf8_compose((uint32_t)letters[i], shapes[s]);

				if (base == 0 || (shapes[s] != 0 && strchr("aAeEoOuU",
				    letters[i]) == NULL))
					continue;
				if ((shapes[s] == 0x302 && strchr("uU", letters[i]) != NULL) ||
				    (shapes[s] == 0x306 && strchr("aA", letters[i]) == NULL))
					continue;
				for (size_t t = 0; t < ARRAY_LEN(tones); t++) {
					uint32_t cp = tones[t] == 0 ? base : utf8_compose(base,
					    tones[t]);

					want++;
					missing += cp >= ARRAY_LEN(has) || !has[cp];
				}
			}
		}
		check_number("letters", want, 144);
		check_number(charset_name(sets[k]), missing, 0);
	}
}

static void
labels(void **state)
{
	static const struct { const char *label; enum charset cs; } names[] = {
		{ "UTF-8", CHARSET_UTF_8 }, { "utf8", CHARSET_UTF_8 }, { "", CHARSET_US_ASCII },
		{ " ISO-8859-1 ", CHARSET_ISO_8859_1 }, { "cp1258", CHARSET_WINDOWS_1258 },
		{ "x-viet-vni", CHARSET_VNI }, { "x-user-defined", CHARSET_UNKNOWN },
		{ "unknown-8bit", CHARSET_UNKNOWN }, { "shift_jis", CHARSET_UNKNOWN },
		{ "TCVN", CHARSET_TCVN3 }, { "viscii", CHARSET_VISCII },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_number(names[i].label, charset_by_label(slice_of(names[i].label)),
		    names[i].cs);
	for (enum charset cs = CHARSET_US_ASCII; cs < CHARSET_COUNT; cs++)
		assert_int_equal(charset_by_label(slice_of(charset_name(cs))), cs);
	buf_init(&b, 10);
	assert_int_equal(charset_to_utf8(CHARSET_UNKNOWN, SLICE("a"), &b, NULL), ERR_UNSUPPORTED);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void
output_is_always_utf8(void **state)
{
	(void)state;
	for (enum charset cs = CHARSET_US_ASCII; cs < CHARSET_COUNT; cs++) {
		uint32_t seed = 1;
		char in[4096];
		struct buf b;

		for (size_t i = 0; i < sizeof in; i++) {
			seed = seed * 1103515245u + 12345u;
			in[i] = (char)(seed >> 16);
		}
		buf_init(&b, 8 * sizeof in);
		assert_int_equal(charset_to_utf8(cs, (struct slice){ in, sizeof in }, &b, NULL),
		    OK);
		assert_true(utf8_valid(buf_slice(&b)));
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold_at_every_split),
		cmocka_unit_test(vietnamese_letters_are_all_there),
		cmocka_unit_test(labels),
		cmocka_unit_test(output_is_always_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
