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
#define REPLY		"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR"
/* SEQUENCE { OID 1.2.840.113549.1.7.3 } and .7.2 */
#define ENVELOPED	"MIAGCSqGSIb3DQEHA6CAMIACAQAxggFA"
#define SIGNED		"MIAGCSqGSIb3DQEHAqCAMIACAQAxggFA"

static const struct { const char *message; unsigned kind; } rows[] = {
	{ M("text/plain") "x", KIND_MAIL },
	{ "x", KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, "a: b") END, KIND_MDN },
	{ REPORT(MDN) PART("message/" MDN, "a: b") PART("text/rfc822-headers", "a: b") END,
	  KIND_MDN },
	/* one part too many, a whole message, a report of another sort */
	{ REPORT(MDN) PART("message/" MDN, "a: b") PART("application/zip", "x") END, KIND_MAIL },
	{ REPORT(MDN) PART("message/" MDN, "a: b") PART("message/rfc822", "a: b\r\n\r\nx") END,
	  KIND_MAIL },
	{ REPORT(MDN) PART("message/" DSN, "a: b") END, KIND_MAIL },
	{ REPORT(MDN) END, KIND_MAIL },
	{ M("multipart/mixed; report-type=" MDN "; boundary=b") PART("text/plain", "x")
	  PART("message/" MDN, "a: b") END, KIND_MAIL },
	{ REPORT(DSN) PART("message/" DSN, "a: b") END, KIND_DSN },
	{ M("text/calendar; method=REPLY") REPLY, KIND_CALENDAR_REPLY },
	{ M("text/calendar; method=REPLY") "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n", KIND_MAIL },
	{ M("text/calendar; method=REQUEST") REPLY, KIND_MAIL },
	{ M("multipart/alternative; boundary=b") PART("text/plain", "x")
	  PART("text/calendar; method=reply", REPLY) END, KIND_CALENDAR_REPLY },
	{ M("multipart/mixed; boundary=b") PART("text/calendar; method=REPLY", REPLY)
	  PART("application/pdf", "x") END, KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("text/plain") "x", KIND_AUTO_REPLY },
	{ "Auto-Submitted: no\r\n" M("text/plain") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\nAuto-Submitted: no\r\n" M("text/plain") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("application/zip") "x", KIND_MAIL },
	{ "Auto-Submitted: auto-replied\r\n" M("text/plain; name=a.docx") "x", KIND_MAIL },
	{ "Content-Transfer-Encoding: base64\r\n" M("application/pkcs7-mime") ENVELOPED,
	  KIND_ENCRYPTED },
	{ "Content-Transfer-Encoding: base64\r\n"
	  M("application/pkcs7-mime; smime-type=enveloped-data") SIGNED, KIND_MAIL },
	{ M("multipart/encrypted; boundary=b") PART("text/plain", "x") END, KIND_ENCRYPTED },
	{ M("multipart/signed; boundary=b") PART("text/calendar; method=REPLY", REPLY)
	  PART("application/pkcs7-signature", "x") END, KIND_CALENDAR_REPLY },
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

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(kinds) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
