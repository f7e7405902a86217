/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * bench_policy [-n ROUNDS] [-r ROOTS.pem] [-w FILE] [FILE.eml...]: CPU that one judgement takes, in
 * this process and in the boxes that it starts: median, and what part of it the boxes are. Without
 * files: mail of its own making. A first word "boxless" in front of the files opens containers in
 * this process, which shows what a box costs. -w only writes the message with a document, to be
 * signed by "openssl cms -sign" and measured as a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/base64.h"
#include "common/clock.h"
#include "policy/extract/extract.h"
#include "policy/judge.h"
#include "policy/profile.h"
#include "policy/smime/smime.h"
#include "policy/trust.h"

enum { FILE_MAX = 64 << 20, ROUNDS = 101 };

#define HEAD	"From: An <an@tinh.example>\r\nTo: b@tinh.example\r\nSubject: Bao cao\r\n" \
		"Date: Sun, 22 Nov 2026 10:00:00 +0700\r\nMessage-ID: <1@tinh.example>\r\nMIME-Version: 1.0\r\n"

_Noreturn static void
die(const char *what, int err)
{
	fprintf(stderr, "bench_policy: %s: %s\n", what, err_text(err));
	exit(1);
}

/* --- mail of our own making --- */

/* Text as offices write it, of about n octets. */
static void
put_text(struct buf *out, size_t n)
{
	static const char *const lines[] = {
		"Thực hiện Công văn số 1234/UBND-VP ngày 12/5/2026 của Ủy ban nhân dân tỉnh về việc rà soát,",
		"báo cáo tình hình giải phóng mặt bằng các dự án trọng điểm trên địa bàn, đề nghị các sở, ban,",
		"ngành và Ủy ban nhân dân các xã, phường khẩn trương tổng hợp số liệu, gửi về Văn phòng.",
		"", "1. Tiến độ thực hiện: đạt 87,5% kế hoạch; mật độ xây dựng 60%; có mặt 25/27 đại biểu.",
		"- Bảo đảm an toàn, bảo mật thông tin; đổi mật khẩu định kỳ 90 ngày một lần.", "",
	};

	for (size_t i = 0; out->n < n; i++) {
		buf_adds(out, lines[i % ARRAY_LEN(lines)]);
		buf_adds(out, "\r\n");
	}
}

static void
make_text(struct buf *out, size_t n)
{
	buf_adds(out, HEAD "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	put_text(out, out->n + n);
}

static void
make_html(struct buf *out, size_t n)
{
	struct buf text;
	struct slice all, line;

	buf_init(&text, 2 * n);
	put_text(&text, n / 3);
	buf_adds(out, HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n");
	for (all = buf_slice(&text); slice_cut(&all, '\n', &line);) {
		buf_adds(out,
		    "<p class=\"MsoNormal\" style=\"margin-bottom:6.0pt;text-align:justify\"><span "
		    "lang=\"VI\" style=\"font-size:14.0pt;font-family:'Times New Roman',serif\">");
		buf_add(out, slice_trim(line));
		buf_adds(out, "<o:p></o:p></span></p>\r\n");
	}
	buf_adds(out, "</body></html>\r\n");
	buf_fini(&text);
}

/* Words that do not compress, so that the document has the size of a real one. */
static void
put_paragraphs(struct buf *out, unsigned paragraphs)
{
	static const char *const words[] = { "kế", "hoạch", "năm", "công", "tác", "của", "xã",
	    "phường", "thực", "hiện", "báo", "cáo", "đơn", "vị", "mặt", "bằng", "nhân", "dân",
	    "tỉnh", "quý" };
	uint32_t seed = 1;

	buf_adds(out,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"http://schemas."
	    "openxmlformats.org/wordprocessingml/2006/main\"><w:body>");
	for (unsigned p = 0; p < paragraphs; p++) {
		buf_adds(out, "<w:p><w:pPr><w:jc w:val=\"both\"/></w:pPr>");
		for (unsigned run = 0; run < 4; run++) {
			buf_adds(out,
			    "<w:r><w:rPr><w:sz w:val=\"28\"/></w:rPr><w:t xml:space=\"preserve\">");
			for (unsigned k = 0; k < 12; k++) {
				char number[16];

				seed = seed * 1664525u + 1013904223u;
				(void)snprintf(number, sizeof number, " %u ", seed >> 16);
				buf_adds(out, words[(seed >> 8) % ARRAY_LEN(words)]);
				buf_adds(out, number);
			}
			buf_adds(out, "</w:t></w:r>");
		}
		buf_adds(out, "</w:p>");
	}
	buf_adds(out, "</w:body></w:document>");
}

/* What office programs put into each document, much and repetitive. */
static void
put_styles(struct buf *out, unsigned styles)
{
	buf_adds(out,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:styles xmlns:w=\"http://schemas."
	    "openxmlformats.org/wordprocessingml/2006/main\">");
	for (unsigned i = 0; i < styles; i++)
		buf_addf(out,
		    "<w:style w:type=\"table\" w:styleId=\"Luoi%u\"><w:name w:val=\"Luoi %u\"/>"
		    "<w:basedOn w:val=\"Bang\"/><w:uiPriority w:val=\"%u\"/><w:pPr><w:spacing w:after=\"0\" "
		    "w:line=\"240\" w:lineRule=\"auto\"/></w:pPr><w:tblPr><w:tblBorders><w:top w:val=\"single\" "
		    "w:sz=\"8\" w:space=\"0\" w:color=\"4F81BD\"/><w:left w:val=\"single\" w:sz=\"8\" w:space=\"0\" "
		    "w:color=\"4F81BD\"/><w:bottom w:val=\"single\" w:sz=\"8\" w:space=\"0\" w:color=\"4F81BD\"/>"
		    "<w:insideH w:val=\"single\" w:sz=\"8\" w:space=\"0\" w:color=\"4F81BD\"/></w:tblBorders>"
		    "</w:tblPr></w:style>", i, i, i % 99);
	buf_adds(out, "</w:styles>");
}

static void
zip_add(struct archive *a, const char *name, struct slice s)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_size(e, (la_int64_t)s.n);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    archive_write_data(a, s.p, s.n) != (la_ssize_t)s.n)
		die("zip", ERR_INVAL);
	archive_entry_free(e);
}

static void
make_docx(struct buf *out, unsigned paragraphs)
{
	static char mem[1 << 20];
	struct archive *a = archive_write_new();
	struct buf xml;
	size_t used = 0;

	buf_init(&xml, 8 << 20);
	if (archive_write_set_format_zip(a) != ARCHIVE_OK ||
	    archive_write_open_memory(a, mem, sizeof mem, &used) != ARCHIVE_OK)
		die("zip", ERR_INVAL);
	zip_add(a, "[Content_Types].xml",
	    SLICE("<?xml version=\"1.0\"?><Types xmlns=\"http://schemas."
	    "openxmlformats.org/package/2006/content-types\"><Override PartName=\"/word/document.xml\" "
	    "ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>"
	    "</Types>"));
	buf_clear(&xml);
	put_styles(&xml, 900);
	zip_add(a, "word/styles.xml", buf_slice(&xml));
	buf_clear(&xml);
	put_paragraphs(&xml, paragraphs);
	zip_add(a, "word/document.xml", buf_slice(&xml));
	if (archive_write_close(a) != ARCHIVE_OK)
		die("zip", ERR_INVAL);
	archive_write_free(a);
	buf_fini(&xml);
	buf_adds(out, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	put_text(out, out->n + 1000);
	buf_adds(out, "--b\r\nContent-Type: application/octet-stream; name=bc.docx\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n");
	base64_encode_lines((struct slice){ mem, used }, 76, out);
	buf_adds(out, "\r\n--b--\r\n");
}

/* --- measuring --- */

static uint64_t
cpu_us(int who)
{
	struct rusage u;

	if (getrusage(who, &u) != 0)
		die("getrusage", -errno);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
	    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
median(uint64_t *v, unsigned n)
{
	qsort(v, n, sizeof *v, compare);
	return v[n / 2];
}

static void
judge_once(struct slice message, const struct judge_env *env, struct judge_result *out,
    struct arena *a)
{
	static struct dir_identity an = { .address = SLICE("an@tinh.example"),
		.kind = DIR_IDENTITY_OWN };
	static struct pol_rcpt to = { .address = SLICE("x@y.example"), .exit_zone = ZONE_INTERNET };
	struct pol_judge_request req = { .path = PATH_SUBMIT, .arrival_zone = ZONE_INTERNAL,
		.recipients = &to, .recipients_n = 1, .identities = &an, .identities_n = 1,
		.account = an.address, .mail_from = an.address };
	int err;

	arena_init(a, judge_arena_octets(message.n));
	err = judge(message, &req, env, a, out);
	if (err != OK)
		die("judge", err);
}

static void
measure(const char *name, struct slice message, const struct judge_env *env, unsigned rounds)
{
	uint64_t *self = calloc(3 * (size_t)rounds, sizeof *self), *boxes = self + rounds;
	uint64_t *wall = boxes + rounds, s, b, t;
	struct judge_result r;
	struct arena a;

	if (self == NULL)
		die(name, ERR_NOMEM);
	for (unsigned i = 0; i < rounds; i++) {
		s = cpu_us(RUSAGE_SELF);
		b = cpu_us(RUSAGE_CHILDREN);
		t = clock_us();
		judge_once(message, env, &r, &a);
		if (i + 1 == rounds)
			printf("%-28s %8zu octets, %s, level %s%s, signature %s:", name, message.n,
			    verdict_name(r.reply.verdict), level_name(r.reply.level),
			    r.reply.opaque ? " opaque" : "", sig_name(r.reply.sig));
		judge_fini(&r);
		arena_clear(&a);
		self[i] = cpu_us(RUSAGE_SELF) - s;
		boxes[i] = cpu_us(RUSAGE_CHILDREN) - b;
		wall[i] = clock_us() - t;
	}
	printf(" CPU %llu us, boxes %llu us; wall %llu us\n",
	    (unsigned long long)median(self, rounds), (unsigned long long)median(boxes, rounds),
	    (unsigned long long)median(wall, rounds));
	free(self);
}

static void
measure_file(const char *path, const struct judge_env *env, unsigned rounds)
{
	FILE *f = fopen(path, "rb");
	struct buf all;
	char *p;
	size_t n;

	if (f == NULL)
		die(path, -errno);
	buf_init(&all, FILE_MAX);
	while ((p = buf_reserve(&all, 65536)) != NULL && (n = fread(p, 1, 65536, f)) > 0)
		buf_added(&all, n);
	(void)fclose(f);
	if (all.err != OK)
		die(path, all.err);
	measure(path, buf_slice(&all), env, rounds);
	buf_fini(&all);
}

static void
measure_own(const struct judge_env *env, unsigned rounds)
{
	struct buf m;

	buf_init(&m, 8 << 20);
	make_text(&m, 2000);
	measure("text 2 KB", buf_slice(&m), env, rounds);
	buf_clear(&m);
	make_text(&m, 50000);
	measure("text 50 KB", buf_slice(&m), env, rounds);
	buf_clear(&m);
	make_html(&m, 50000);
	measure("html 50 KB", buf_slice(&m), env, rounds);
	buf_clear(&m);
	make_docx(&m, 12);
	measure("docx small", buf_slice(&m), env, rounds);
	buf_clear(&m);
	make_docx(&m, 130);
	measure("docx 50 KB", buf_slice(&m), env, rounds);
	buf_fini(&m);
}

static void
write_own(const char *path)
{
	FILE *f = fopen(path, "wb");
	struct buf m;

	buf_init(&m, 8 << 20);
	make_docx(&m, 130);
	if (f == NULL || fwrite(m.p, 1, m.n, f) != m.n || fclose(f) != 0)
		die(path, -errno);
	buf_fini(&m);
}

static void
set_up(struct judge_env *env, const char *roots)
{
	struct trust_paths paths = { .roots = roots };
	struct trust *trust = NULL;
	int r = smime_init();

	*env = (struct judge_env){ .authserv_id = SLICE("bench.example"),
		.smime = { .now_s = clock_real_s(), .revocation_grace_s = 259200 } };
	extract_start();
	classify_options_init(&env->classify);
	env->classify.open_signed = smime_open_signed;
	if (r == OK)
		r = rules_init_profile(&env->rules, PROFILE_DEDICATED);
	if (r == OK && roots != NULL)
		r = trust_load(&paths, &trust);
	if (r == OK && roots != NULL)
		r = smime_trust_new(trust_blob(trust), &env->trust);
	trust_free(&trust);
	if (r != OK)
		die(roots == NULL ? "set up" : roots, r);
}

int
main(int argc, char **argv)
{
	unsigned rounds = ROUNDS;
	const char *roots = NULL, *written = NULL;
	struct judge_env env;
	int c;

	while ((c = getopt(argc, argv, "n:r:w:")) != -1)
		if (c == 'n')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'r')
			roots = optarg;
		else if (c == 'w')
			written = optarg;
		else
			return 2;
	if (rounds == 0)
		return 2;
	if (written != NULL) {
		write_own(written);
		return 0;
	}
	set_up(&env, roots);
	if (optind < argc && strcmp(argv[optind], "boxless") == 0) {
		env.classify.extract = extract_run;
		optind++;
	}
	if (optind == argc)
		measure_own(&env, rounds);
	for (int i = optind; i < argc; i++)
		measure_file(argv[i], &env, rounds);
	smime_trust_free(&env.trust);
	rules_fini(&env.rules);
	return 0;
}
