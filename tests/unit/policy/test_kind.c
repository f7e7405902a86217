/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/words.h"
#include "mime/tree.h"
#include "policy/kind.h"

#define M(type)		"MIME-Version: 1.0\r\nContent-Type: " type "\r\n\r\n"
#define PART(type, body) "--b\r\nContent-Type: " type "\r\n\r\n" body "\r\n"
#define END		"--b--\r\n"
#define REPORT(t)	M("multipart/report; report-type=" t "; boundary=b") \
			PART("text/plain", "x")
#define MDN		"disposition-notification"
#define DSN		"delivery-status"
#define RECIPIENT	"Final-Recipient: rfc822; an@tinh.example\r\n"
#define SHOWN		"Disposition: manual-action/MDN-sent-manually; displayed\r\n"
#define RECEIPT		"Reporting-UA: tb\r\n" RECIPIENT "Original-Message-ID: <a@b>\r\n" SHOWN
#define FAILED		RECIPIENT "Action: failed\r\nStatus: 5.1.1\r\n"
#define NOTICE		"Reporting-MTA: dns; mx.tinh.example\r\n\r\n" FAILED
#define MDN_OF(body)	REPORT(MDN) PART("message/" MDN, body) END
#define DSN_OF(body)	REPORT(DSN) PART("message/" DSN, body) END
#define VCAL(lines)	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" lines "END:VCALENDAR\r\n"
#define EVENT(lines)	"BEGIN:VEVENT\r\nUID:1\r\n" lines "END:VEVENT\r\n"
#define WHO		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:an@tinh.example\r\n"
#define REPLY		VCAL("METHOD:REPLY\r\n" EVENT(WHO))
#define ICS(body)	M("text/calendar; method=REPLY") body
/* SEQUENCE { OID 1.2.840.113549.1.7.3 } and .7.2, 1.9.16.1.23 (authEnveloped), 1.7.1 (data) */
#define ENVELOPED	"MIAGCSqGSIb3DQEHA6CAMIACAQAxggFA"
#define SIGNED		"MIAGCSqGSIb3DQEHAqCAMIACAQAxggFA"
#define AUTHENVELOPED	"MIAGCyqGSIb3DQEJEAEXoIAwgAIBADGC"
#define SIGNED_FRAME(part) M("multipart/signed; protocol=\"application/pkcs7-signature\"; " \
			"micalg=sha-256; boundary=b") part PART("application/pkcs7-signature", "x") END
#define NESTED(type, parts) "--b\r\nContent-Type: " type "; boundary=c\r\n\r\n" parts "--c--\r\n"
#define INNER(type, body) "--c\r\nContent-Type: " type "\r\n\r\n" body "\r\n"

static const struct { const char *message; unsigned kind; } rows[] = {
	{ M("text/plain") "x", KIND_MAIL },
	{ "x", KIND_MAIL },
	{ "", KIND_MAIL },
	/* receipts */
	{ MDN_OF(RECEIPT), KIND_MDN },
	{ MDN_OF(RECIPIENT "Disposition: automatic-action/MDN-sent-automatically; "
	  "processed/error\r\nError: x\r\n"), KIND_MDN },
	{ REPORT(MDN) PART("message/" MDN, RECEIPT) PART("text/rfc822-headers", "a: b") END,
	  KIND_MDN },
	{ "Content-Type: x\r\n" MDN_OF(RECEIPT), KIND_MAIL },
	/* ... with one part too many, a whole message, a report of another sort */
	{ REPORT(MDN) PART("message/" MDN, RECEIPT) PART("application/zip", "x") END, KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, RECEIPT) PART("message/rfc822", "a: b\r\n\r\nx") END,
	  KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, RECEIPT) PART("text/rfc822-headers", "a: b")
	  PART("text/plain", "x") END, KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, RECEIPT) PART("message/" MDN, RECEIPT) END, KIND_MAIL },
	{ DSN_OF(RECEIPT), KIND_MAIL },
	{ REPORT(MDN) PART("message/" DSN, RECEIPT) END, KIND_MAIL },
	{ REPORT(MDN) END, KIND_MAIL },
	{ M("multipart/mixed; report-type=" MDN "; boundary=b") PART("text/plain", "x")
	  PART("message/" MDN, RECEIPT) END, KIND_MAIL },
	{ M("multipart/report; report-type=" MDN "; report-type=" DSN "; boundary=b")
	  PART("text/plain", "x") PART("message/" MDN, RECEIPT) END, KIND_MAIL },
	{ M("multipart/report; report-type=" MDN "; boundary=b") PART("application/pdf", "x")
	  PART("message/" MDN, RECEIPT) END, KIND_MAIL },
	{ M("multipart/report; report-type=" MDN "; boundary=b")
	  PART("text/plain\r\nContent-Disposition: attachment; filename=a.docx", "x")
	  PART("message/" MDN, RECEIPT) END, KIND_MAIL },
	/* ... whose fields are none, wrong, twice, or followed by text */
	{ MDN_OF("a: b"), KIND_MAIL },
	{ MDN_OF(""), KIND_MAIL },
	{ MDN_OF(RECIPIENT), KIND_MAIL },
	{ MDN_OF(SHOWN), KIND_MAIL },
	{ MDN_OF(RECEIPT SHOWN), KIND_MAIL },
	{ MDN_OF(RECIPIENT "Disposition: displayed\r\n"), KIND_MAIL },
	{ MDN_OF(RECIPIENT "Disposition: a/b; letter\r\n"), KIND_MAIL },
	{ MDN_OF(RECEIPT "\r\nNoi dung thu\r\n"), KIND_MAIL },
	{ MDN_OF(RECEIPT "Noi dung thu\r\n"), KIND_MAIL },
	{ MDN_OF(RECEIPT "\r\n" RECIPIENT SHOWN), KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, RECEIPT)
	  PART("text/rfc822-headers", "a: b\r\n\r\nnoi dung") END, KIND_MAIL },
	/* delivery reports */
	{ DSN_OF(NOTICE), KIND_DSN },
	{ DSN_OF(NOTICE "\r\n" FAILED), KIND_DSN },
	{ DSN_OF("a: b"), KIND_MAIL },
	{ DSN_OF("Reporting-MTA: dns; mx\r\n"), KIND_MAIL },
	{ DSN_OF(FAILED), KIND_MAIL },
	{ DSN_OF(NOTICE "\r\n" RECIPIENT), KIND_MAIL },
	{ DSN_OF(NOTICE "\r\nloi ke\r\n"), KIND_MAIL },
	/* calendar replies */
	{ ICS(REPLY), KIND_CALENDAR_REPLY },
	{ ICS(VCAL("METHOD:REQUEST\r\n" EVENT(WHO))), KIND_MAIL },
	{ ICS(VCAL("METHOD:REQUEST\r\nMETHOD:REPLY\r\n" EVENT(WHO))), KIND_MAIL },
	{ ICS(VCAL("METHOD:REPLYX\r\n" EVENT(WHO))), KIND_MAIL },
	{ ICS(VCAL("METHOD:REPLY\r\n" EVENT(""))), KIND_MAIL },
	{ ICS(VCAL("MET\r\n HOD:REPLY\r\n" EVENT(WHO))), KIND_CALENDAR_REPLY },
	{ ICS(VCAL("METHOD:REPLY\r\n" EVENT(WHO "DESCRIPTION:a\r\n METHOD:REQUEST\r\n"))),
	  KIND_CALENDAR_REPLY },
	{ ICS(VCAL(EVENT(WHO "DESCRIPTION:a\r\n \r\n METHOD:REPLY\r\n"))), KIND_MAIL },
	{ ICS(VCAL("METHOD:REPLY\r\n" EVENT(WHO "ATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA\r\n"))),
	  KIND_MAIL },
	{ ICS(VCAL("METHOD:REPLY\r\n" EVENT(WHO "attach:http://x.example/\r\n"))), KIND_MAIL },
	{ ICS(VCAL("METHOD:REPLY\r\n" EVENT(WHO "AT\r\n TACH:http://x.example/\r\n"))), KIND_MAIL },
	{ ICS(REPLY REPLY), KIND_MAIL },
	{ ICS(REPLY VCAL(EVENT(WHO))), KIND_MAIL },
	{ M("text/calendar; method=REQUEST") REPLY, KIND_MAIL },
	{ M("text/calendar") REPLY, KIND_MAIL },
	{ M("multipart/alternative; boundary=b") PART("text/plain", "x")
	  PART("text/calendar; method=reply", REPLY) END, KIND_CALENDAR_REPLY },
	{ M("multipart/mixed; boundary=b") NESTED("multipart/alternative",
	  INNER("text/plain", "x") INNER("text/calendar; method=REPLY", REPLY))
	  PART("application/ics; name=invite.ics", REPLY) END, KIND_CALENDAR_REPLY },
	{ M("multipart/mixed; boundary=b") PART("text/calendar; method=REPLY", REPLY)
	  PART("application/ics; name=invite.ics", "khong phai lich") END, KIND_MAIL },
	{ M("multipart/mixed; boundary=b") PART("text/calendar; method=REPLY", REPLY)
	  PART("application/pdf", "x") END, KIND_MAIL },
	{ M("multipart/mixed; boundary=b") PART("application/ics", REPLY) END, KIND_MAIL },
	{ M("multipart/related; boundary=b") PART("text/calendar; method=REPLY", REPLY) END,
	  KIND_MAIL },
	/* answers of programs */
	{ "Auto-Submitted: auto-replied\r\n" M("text/plain") "x", KIND_AUTO_REPLY },
	{ "Auto-Submitted: auto-generated (nghi phep)\r\n" M("text/plain") "x", KIND_AUTO_REPLY },
	{ "Auto-Submitted: auto-replied; owner-email=\"a@b\"\r\n" M("text/plain") "x",
	  KIND_AUTO_REPLY },
	{ "Auto-Submitted: no\r\n" M("text/plain") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-repliedx\r\n" M("text/plain") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\nAuto-Submitted: no\r\n" M("text/plain") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("application/zip") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("text/plain; name=a.docx") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("multipart/mixed; boundary=b") PART("text/plain", "x")
	  END, KIND_MAIL },
	{ "X-Autoreply: yes\r\nPrecedence: bulk\r\n" M("text/plain") "x", KIND_MAIL },
	/* encrypted */
	{ "Content-Transfer-Encoding: base64\r\n" M("application/pkcs7-mime") ENVELOPED,
	  KIND_ENCRYPTED },
	{ "Content-Transfer-Encoding: base64\r\n" M("application/x-pkcs7-mime") AUTHENVELOPED,
	  KIND_ENCRYPTED },
	{ "Content-Transfer-Encoding: base64\r\n"
	  M("application/pkcs7-mime; smime-type=enveloped-data") SIGNED, KIND_MAIL },
	{ "Content-Transfer-Encoding: base64\r\n"
	  M("application/pkcs7-mime; smime-type=signed-data") ENVELOPED, KIND_ENCRYPTED },
	{ M("application/pkcs7-mime; smime-type=enveloped-data") "khong ma hoa", KIND_MAIL },
	{ M("multipart/encrypted; boundary=b") PART("text/plain", "x") END, KIND_ENCRYPTED },
	{ M("text/plain") "\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx", KIND_ENCRYPTED },
	{ M("text/plain") "xin chao\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx", KIND_MAIL },
	{ M("multipart/mixed; boundary=b") PART("text/plain", "x")
	  PART("application/pkcs7-mime\r\nContent-Transfer-Encoding: base64", ENVELOPED) END,
	  KIND_MAIL },
	/* signed, and each of them inside */
	{ SIGNED_FRAME(PART("text/plain", "x")), KIND_MAIL },
	{ SIGNED_FRAME(PART("text/calendar; method=REPLY", REPLY)), KIND_CALENDAR_REPLY },
	{ SIGNED_FRAME(PART("application/pkcs7-mime\r\nContent-Transfer-Encoding: base64",
	  ENVELOPED)), KIND_ENCRYPTED },
	{ SIGNED_FRAME(NESTED("multipart/report; report-type=" MDN, INNER("text/plain", "x")
	  INNER("message/" MDN, RECEIPT))), KIND_MDN },
	{ "Auto-Submitted: auto-replied\r\n" SIGNED_FRAME(PART("text/plain", "x")),
	  KIND_AUTO_REPLY },
};

static void
kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a;
		struct tree t;

		arena_init(&a, 1 << 20);
		assert_int_equal(tree_parse(slice_of(rows[i].message), &a, &t), OK);
		if (kind_of(&t) != rows[i].kind)
			fail_msg("%zu: %s, want %s", i, kind_name(kind_of(&t)),
			    kind_name(rows[i].kind));
		arena_clear(&a);
	}
}

static unsigned
kind_inside(const char *message, struct slice content)
{
	struct arena a;
	struct tree outer, inner;
	unsigned kind;

	arena_init(&a, 4 << 20);
	assert_int_equal(tree_parse(slice_of(message), &a, &outer), OK);
	assert_int_equal(tree_parse(content, &a, &inner), OK);
	kind = kind_of_signed(&outer, &inner);
	arena_clear(&a);
	return kind;
}

/* Under a signature that holds its content, the kind is that of the content. */
static void
kinds_inside_signatures(void **state)
{
	const char *opaque = M("application/pkcs7-mime; smime-type=signed-data") SIGNED;
	const char *automatic = "Auto-Submitted: auto-replied\r\n"
	    M("application/pkcs7-mime; smime-type=signed-data") SIGNED;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned want = rows[i].kind;

		/* Its own frame is no layer here, and a header inside does not say "automatic". */
		if (want == KIND_AUTO_REPLY || slice_find(slice_of(rows[i].message),
		    SLICE("multipart/signed")) >= 0)
			continue;
		if (kind_inside(opaque, slice_of(rows[i].message)) != want)
			fail_msg("%zu", i);
	}
	assert_int_equal(kind_inside(automatic, SLICE(M("text/plain") "x")), KIND_AUTO_REPLY);
	assert_int_equal(kind_inside(opaque, SLICE("Auto-Submitted: auto-replied\r\n"
	    M("text/plain") "x")), KIND_MAIL);
}

/* A receipt is no letter: beyond some kilobytes of prose it is plain mail. */
static void
long_receipts_are_mail(void **state)
{
	static const struct { size_t prose; unsigned kind; } sizes[] = {
		{ 8000, KIND_MDN }, { 20000, KIND_MAIL },
	};
	struct buf m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct arena a;
		struct tree t;

		buf_init(&m, 1 << 20);
		buf_adds(&m, M("multipart/report; report-type=" MDN "; boundary=b")
		    "--b\r\nContent-Type: text/plain\r\n\r\n");
		while (m.n < sizes[i].prose)
			buf_adds(&m, "noi dung thu\r\n");
		buf_adds(&m, PART("message/" MDN, RECEIPT) END);
		arena_init(&a, 4 << 20);
		assert_int_equal(tree_parse(buf_slice(&m), &a, &t), OK);
		assert_int_equal(kind_of(&t), sizes[i].kind);
		arena_clear(&a);
		buf_fini(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(kinds_inside_signatures),
		cmocka_unit_test(long_receipts_are_mail),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
