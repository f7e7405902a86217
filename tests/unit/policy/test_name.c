/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "policy/label/name.h"
#include "tests/unit/policy/findings.h"

typedef void name_fn(struct fold *f, struct slice utf8, label_found_fn *found, void *arg);

static const struct { name_fn *fn; const char *text, *found; } rows[] = {
	{ name_subject, "[MẬT] Báo cáo tháng 5", "subject-mark@0=mat" },
	{ name_subject, "(TỐI MẬT) Kế hoạch", "subject-mark@0=toi-mat" },
	{ name_subject, "Re: Fwd: [Tuyệt mật] abc", "subject-mark@0=tuyet-mat" },
	{ name_subject, "MẬT - Báo cáo", "subject-mark@0=mat" },
	{ name_subject, "TỐI MẬT: Kế hoạch", "subject-mark@0=toi-mat" },
	{ name_subject, "Trả lời: TỐI MẬT báo cáo", "subject-mark@0=toi-mat" },
	{ name_subject, "Báo cáo quý I - MẬT", "subject-mark@0=mat" },
	{ name_subject, "Độ mật: Mật; báo cáo", "field@0=mat" },
	{ name_subject, "[TOI MAT] bao cao", "subject-mark@0=toi-mat" },
	{ name_subject, "[MA\u0323\u0302T] abc", "subject-mark@0=mat" },
	{ name_subject, "[M\u00CBT] abc", "subject-mark@0=mat" },
	{ name_subject, "MẬT", "subject-mark@0=mat" },
	{ name_subject, "Đổi mật khẩu", "" },
	{ name_subject, "Mật khẩu mới của anh", "" },
	{ name_subject, "Mật ong - đơn hàng", "" },
	{ name_subject, "MẬT ĐỘ DÂN SỐ", "" },
	{ name_subject, "Mat bang san xuat", "" },
	{ name_subject, "MẶT TRẬN TỔ QUỐC - họp", "" },
	{ name_subject, "Tập huấn bảo vệ bí mật nhà nước", "" },
	{ name_subject, "Về văn bản có độ “Mật” trở lên", "" },
	{ name_subject, "Mất thẻ, vắng mặt", "" },

	{ name_file, "BC_123_MAT.docx", "filename-mark@0=mat" },
	{ name_file, "MẬT_15-BC.pdf", "filename-mark@0=mat" },
	{ name_file, "Bao cao (mat).docx", "filename-mark@0=mat" },
	{ name_file, "15-toi-mat.pdf", "filename-mark@0=toi-mat" },
	{ name_file, "TUYET_MAT-kh.doc", "filename-mark@0=tuyet-mat" },
	{ name_file, "BaoCaoTOIMAT.docx", "filename-mark@0=toi-mat" },
	{ name_file, "van-ban-mat.pdf", "filename-mark@0=mat" },
	{ name_file, "Tài liệu mật.docx", "filename-mark@0=mat" },
	{ name_file, "CV mat.doc", "filename-mark@0=mat" },
	{ name_file, "Kế hoạch tối mật.signed.pdf", "filename-mark@0=toi-mat" },
	{ name_file, "TOI MAT/danh sach.txt", "filename-mark@0=toi-mat" },
	{ name_file, "BC.TOIMAT.docx", "filename-mark@0=toi-mat" },
	{ name_file, "do-mat_TOI-MAT_7.pdf", "filename-mark@0=toi-mat" },
	{ name_file, "quy dinh ve tai lieu mat.pdf", "filename-mark@0=mat?" },
	{ name_file, "tiep nhan van ban mat.pdf", "filename-mark@0=mat?" },
	{ name_file, "TUYET MAT - van chuyen.docx", "filename-mark@0=tuyet-mat" },
	{ name_file, "van chuyen - TUYET MAT.docx", "filename-mark@0=tuyet-mat" },
	{ name_file, "Mat tran To quoc.docx", "" },
	{ name_file, "giai-phong-mat-bang.pdf", "" },
	{ name_file, "mat-khau.txt", "" },
	{ name_file, "mật ong.xlsx", "" },
	{ name_file, "bảo_mật.docx", "" },
	{ name_file, "Báo cáo mật độ dân số.docx", "" },
	{ name_file, "DS_VANG_MAT.xlsx", "" },
	{ name_file, "data.mat", "" },
	{ name_file, "MAT-TRAN-TO-QUOC-2026.docx", "" },
	{ name_file, "MAT_15-BC.pdf", "filename-mark@0=mat" },
	{ name_file, "Vũ_Văn_Mật.jpg", "" },
	{ name_file, "Công văn mật.pdf", "filename-mark@0=mat" },
	{ name_file, "237-ndcp.signed.pdf", "" },
};

static void
names_and_subjects(void **state)
{
	struct fold *f = malloc(sizeof *f);

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct findings got = { "" };

		rows[i].fn(f, slice_of(rows[i].text), findings_add, &got);
		if (strcmp(got.text, rows[i].found) != 0)
			fail_msg("%zu \"%s\": found \"%s\", want \"%s\"", i, rows[i].text,
			    got.text, rows[i].found);
	}
	free(f);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(names_and_subjects) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
