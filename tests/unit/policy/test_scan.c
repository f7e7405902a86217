/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "policy/label/scan.h"
#include "tests/unit/policy/findings.h"

struct row { const char *text, *found; };

static void
run(const char *text, struct findings *got)
{
	struct scan *s = malloc(sizeof *s);

	assert_non_null(s);
	got->text[0] = '\0';
	scan_init(s, findings_add, NULL, got);
	scan_text(s, slice_of(text));
	scan_fini(s);
	free(s);
}

static void
check(const struct row *rows, size_t n)
{
	struct findings got;

	for (size_t i = 0; i < n; i++) {
		run(rows[i].text, &got);
		if (strcmp(got.text, rows[i].found) != 0)
			fail_msg("%zu \"%s\": found \"%s\", want \"%s\"", i, rows[i].text,
			    got.text, rows[i].found);
	}
}

static void
a_line_of_its_own_is_a_mark(void **state)
{
	static const struct row rows[] = {
		{ "MẬT", "line-mark@1=mat" },
		{ "Mật", "line-mark@1=mat" },
		{ "Kính gửi\n\n  TỐI MẬT  \nabc", "line-mark@3=toi-mat" },
		{ "TUYỆT MẬT\r\n", "line-mark@1=tuyet-mat" },
		{ "(MẬT)", "line-mark@1=mat" },
		{ "*** TỐI MẬT ***", "line-mark@1=toi-mat" },
		{ "+------+\n| MẬT  |\n+------+", "line-mark@2=mat" },
		{ "> MẬT", "line-mark@1=mat" },
		{ "[ TUYỆT MẬT ]", "line-mark@1=tuyet-mat" },
		{ "MẬT - HỎA TỐC", "line-mark@1=mat" },
		{ "MẬT / HOẢ TỐC", "line-mark@1=mat" },
		{ "TUYỆT MẬT   Bản số: 03", "line-mark@1=tuyet-mat" },
		{ "MẬT MẬT MẬT", "line-mark@1=mat" },
		{ "TÀI LIỆU MẬT", "line-mark@1=mat" },
		{ "BÁO CÁO - MẬT", "line-mark@1=mat" },
		{ "MẬT            CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
		  "number-mark@1=mat line-mark@1=mat" },
		{ "Số: 12/BC\tTỐI MẬT\tabc", "line-mark@1=toi-mat" },
		{ "> Subject: [MẬT] abc", "aside@1=mat? subject-mark@1=mat" },
		{ "Tiêu đề: TỐI MẬT - abc", "subject-mark@1=toi-mat" },
		{ "Subject: đổi mật khẩu", "" },
		{ "SUMMARY;LANGUAGE=vi:TỐI MẬT - họp", "subject-mark@1=toi-mat" },
		{ "TUYỆT\nMẬT", "line-mark@2=mat line-mark@2=tuyet-mat" },
		{ "M\nẬ\nT", "line-mark@3=mat" },
		{ "T\nỐ\nI\n\nM\nẬ\nT", "line-mark@7=toi-mat" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
disguises_fall_off(void **state)
{
	static const struct row rows[] = {
		{ "MA\u0323\u0302T", "line-mark@1=mat" },		/* NFD */
		{ "MA\u0302\u0323T", "line-mark@1=mat" },
		{ "M\u00C2\u0323T", "line-mark@1=mat" },		/* as windows-1258 has it */
		{ "M\u1EA0\u0302T", "line-mark@1=mat" },
		{ "\uFF2D\u1EAC\uFF34", "line-mark@1=mat" },		/* full width */
		{ "\u041C\u0410\u0323\u0302\u0422", "line-mark@1=mat" }, /* Cyrillic */
		{ "\u03FA\u15C5\u0323\u0302\u22A4", "line-mark@1=mat" }, /* San, a syllable, a sign */
		{ "\u039C\u1EAC\u03A4", "line-mark@1=mat" },		/* Greek */
		{ "M\u200B\u1EAC\u200BT", "line-mark@1=mat" },
		{ "M\u00AD\u1EAC\u2060T\uFEFF", "line-mark@1=mat" },
		{ "M Ậ T", "line-mark@1=mat" },
		{ "M.Ậ.T", "line-mark@1=mat" },
		{ "T Ố I   M Ậ T", "line-mark@1=toi-mat" },
		{ "T\u00A0U\u00A0Y\u00A0Ệ\u00A0T M\u2003Ậ\u2003T", "line-mark@1=tuyet-mat" },
		{ "TỐ1 MẬT", "line-mark@1=toi-mat" },
		{ "TỐIMẬT", "line-mark@1=toi-mat" },
		{ "tuỵêt mật", "line-mark@1=tuyet-mat" },		/* tone on another letter */
		{ "\u202ETẬM\u202C", "line-mark@1=mat" },		/* right to left */
		{ "M\xC3\x8BT", "line-mark@1=mat" },			/* TCVN3 read as Latin-1 */
		{ "T\u00E8I M\u00CBT", "line-mark@1=toi-mat" },
		{ "MA\u00C4T", "line-mark@1=mat" },			/* VNI */
		{ "TUYE\u00C4T MA\u00C4T", "line-mark@1=tuyet-mat" },
		{ "M\u2021T", "line-mark@1=mat" },			/* VISCII, 0x87 read as 1252 */
		{ "M\u00E1\u00BA\u00ACT", "line-mark@1=mat" },		/* UTF-8 read as 1252 */
		{ "TO^'I MA^.T", "line-mark@1=toi-mat" },		/* VIQR */
		{ "M&#7852;T", "line-mark@1=mat" },
		{ "M\\u1EACT", "line-mark@1=mat" },
		{ "M\\U+1EACT", "line-mark@1=mat" },
		{ "TỔI MẬT", "line-mark@1=toi-mat" },
		{ "tổi mật", "" },
		{ "M=E1=BA=ACT", "line-mark@1=mat" },
		{ "\u00A7\u00E9 m\u00CBt: T\u00E8i m\u00CBt", "field@1=toi-mat" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
fields_and_boxes_state_a_level(void **state)
{
	static const struct row rows[] = {
		{ "Độ mật: Mật", "field@1=mat" },
		{ "ĐỘ MẬT : TỐI MẬT", "field@1=toi-mat" },
		{ "Mức độ mật của văn bản: Tuyệt mật", "field@1=tuyet-mat" },
		{ "- Độ mật = mật; độ khẩn: thường", "field@1=mat" },
		{ "Độ mật: Mật Độ khẩn: Thường", "field@1=mat" },
		{ "Độ mật ...: “Tối mật”.", "" },
		{ "Độ mật: ......Tối mật......", "field@1=toi-mat" },
		{ "Do mat: Toi mat", "field@1=toi-mat" },
		{ "Độ bảo mật: Mật", "field@1=mat" },
		{ "Độ mật\tTối mật", "field@1=toi-mat" },
		{ "Số: 15/BC-UBND (Mật)", "number-mark@1=mat" },
		{ "Độ mật: [x] Mật [ ] Tối mật", "ticked-box@1=mat" },
		{ "Độ mật: ☐ Mật ☒ Tối mật ☐ Tuyệt mật", "ticked-box@1=toi-mat" },
		{ "Mật ☐   Tối mật ☑", "ticked-box@1=toi-mat" },
		{ "[x] Tuyệt mật", "ticked-box@1=tuyet-mat" },
		{ "○ Thường ● Mật", "ticked-box@1=mat" },
		{ "Độ mật/khẩn: Mật/Hỏa tốc", "field@1=mat" },
		{ "Dấu: MẬT", "field@1=mat" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
words_about_secrecy_are_no_mark(void **state)
{
	static const struct row rows[] = {
		{ "(trừ các văn bản có độ “Mật” trở lên)", "" },
		{ "trừ văn bản có độ mật: Mật trở lên", "" },
		{ "Đề nghị đổi mật khẩu hộp thư.", "" },
		{ "MẬT KHẨU", "" },
		{ "Mật khẩu", "" },
		{ "BẢO MẬT", "" },
		{ "BÍ MẬT NHÀ NƯỚC", "" },
		{ "bảo vệ bí mật nhà nước", "" },
		{ "MẶT TRẬN TỔ QUỐC VIỆT NAM", "" },
		{ "MẶT", "" },
		{ "MẮT", "" },
		{ "MẤT", "" },
		{ "MÁT", "" },
		{ "Mật ong rừng U Minh", "" },
		{ "Mật độ dân số", "" },
		{ "TỐI MẮT", "" },
		{ "mat", "" },
		{ "MAT BANG", "" },
		{ "MAT", "" },
		{ "Độ mật: Thường", "" },
		{ "Độ mật: Không", "" },
		{ "Độ mật: ................", "" },
		{ "Độ mật:\n", "" },
		{ "Độ mật (Mật, Tối mật, Tuyệt mật): ........", "" },
		{ "Độ mật: Mật/Tối mật/Tuyệt mật", "" },
		{ "Độ mật: mật khẩu", "" },
		{ "Độ mật: ☐ Mật ☐ Tối mật ☐ Tuyệt mật", "" },
		{ "Độ mật: [ ] Mật [ ] Tối mật", "" },
		{ "☐ Mật", "" },
		{ "- Mật;", "" },
		{ "a) Tuyệt mật", "" },
		{ "HỎA TỐC", "" },
		{ "CÔNG VĂN ĐẾN", "" },
		{ "Vũ Văn Mật", "" },
		{ "mật độ xây dựng, mật khẩu, thân mật, túi mật", "" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
what_a_person_should_see(void **state)
{
	static const struct row rows[] = {
		{ "GIẢI MẬT\nTừ: 01/02/2026", "declassified@1=thuong?" },
		{ "LƯU HÀNH NỘI BỘ", "internal" },
		{ "XEM XONG TRẢ LẠI", "internal" },
		{ "Báo cáo (Lưu hành nội bộ)", "internal" },
		{ "TÀI LIỆU HỌP - LƯU HÀNH NỘI BỘ", "internal" },
		{ "Phạm vi lưu hành: Nội bộ", "internal" },
		{ "Phạm vi lưu hành: toàn tỉnh", "" },
		{ "CHỈ LƯU HÀNH NỘI BỘ", "internal" },
		{ "Tài liệu nội bộ gồm có:", "" },
		{ "Quy định về lưu hành nội bộ tài liệu", "" },
		{ "Giải mật hồ sơ lưu trữ", "" },
		{ "[TỐI MẬT] Kế hoạch năm 2026", "aside@1=toi-mat?" },
		{ "Gửi anh tài liệu mật này", "sentence@1=mat?" },
		{ "Văn bản này thuộc danh mục bí mật nhà nước độ Mật, không sao chụp.",
		  "sentence@1=mat" },
		{ "Theo tôi văn bản này nên đóng dấu Mật.", "sentence@1=mat?" },
		{ "TỐI MẬT: kế hoạch năm 2026", "aside@1=toi-mat?" },
		{ "Công văn mật số 12/CV-UBND", "sentence@1=mat?" },
		/* a list of the levels, a picture of a stamp */
		{ "Tuyệt mật\nTối mật\nMật",
		  "line-mark@1=tuyet-mat? line-mark@2=toi-mat? line-mark@3=mat?" },
		{ "THƯỜNG\nMẬT\nTỐI MẬT", "line-mark@2=mat? line-mark@3=toi-mat?" },
		{ "Thường\nMật\nTối mật", "line-mark@2=mat? line-mark@3=toi-mat?" },
		{ "Mẫu dấu độ mật:\nMẬT", "line-mark@2=mat?" },
		/* a declassified paper still bears its old stamp */
		{ "MẬT\nabc\nGIẢI MẬT", "declassified@3=thuong? line-mark@1=mat" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
capitals_without_diacritics_need_a_place(void **state)
{
	static const struct row rows[] = {
		{ "TUYET MAT", "line-mark@1=tuyet-mat" },
		{ "TOI MAT", "line-mark@1=toi-mat" },
		{ "toi mat", "" },
		{ "tuyet mat", "line-mark@1=tuyet-mat?" },
		{ "UBND XA\nSo: 12/BC-UBND\nMAT\nBAO CAO", "line-mark@3=mat" },
		{ "MAT\nCONG HOA XA HOI CHU NGHIA VIET NAM", "line-mark@2=mat" },
		{ "So: 12/BC-UBND\na\nb\nc\nd\ne\nf\nMAT", "" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* A line far longer than the matcher holds at once. */
static void
long_lines_hide_nothing(void **state)
{
	enum { N = 200000 };
	static const char field[] = " Độ mật: Tối mật. ", zero[] = "\xE2\x80\x8B";
	char *text = malloc(N + 64);
	struct findings got;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', N);
	for (size_t i = 5; i < N; i += 6)
		text[i] = ' ';
	memcpy(text + N / 2, field, sizeof field - 1);
	text[N] = '\0';
	run(text, &got);
	assert_string_equal(got.text, "field@1=toi-mat");

	memcpy(text, "M", 1);
	for (size_t i = 1; i + 3 < N; i += 3)
		memcpy(text + i, zero, 3);
	(void)snprintf(text + N - 10, 16, "%s", "ẬT");
	run(text, &got);
	free(text);
	assert_string_equal(got.text, "line-mark@1=mat");
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_line_of_its_own_is_a_mark),
		cmocka_unit_test(disguises_fall_off),
		cmocka_unit_test(fields_and_boxes_state_a_level),
		cmocka_unit_test(words_about_secrecy_are_no_mark),
		cmocka_unit_test(what_a_person_should_see),
		cmocka_unit_test(capitals_without_diacritics_need_a_place),
		cmocka_unit_test(long_lines_hide_nothing),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
