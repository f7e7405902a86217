/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "policy/smime/internal.h"

enum { ADDRESS_OCTETS_MAX = 320, SUBJECT_OCTETS_MAX = 1024, SERIAL_OCTETS_MAX = 64 };

/* Take an address if it can be one: no space, control or NUL that would mislead a comparison. */
static void
add_email(const ASN1_STRING *s, struct arena *a, struct smime_signer *out)
{
	struct slice v = { (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
	int type = ASN1_STRING_type(s);

	if (type != V_ASN1_IA5STRING && type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
		return;
	if (v.n == 0 || v.n > ADDRESS_OCTETS_MAX || out->emails_n == SMIME_EMAILS_MAX)
		return;
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= ' ' || v.p[i] == 0x7f)
			return;
	out->emails[out->emails_n++] = arena_copy(a, v);
}

static void
add_alternative_names(X509 *cert, struct arena *a, struct smime_signer *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_EMAIL)
			add_email(n->d.rfc822Name, a, out);
		else if (n->type == GEN_OTHERNAME &&	/* RFC 8398 */
		    OBJ_obj2nid(n->d.otherName->type_id) == NID_id_on_SmtpUTF8Mailbox &&
		    n->d.otherName->value->type == V_ASN1_UTF8STRING)
			add_email(n->d.otherName->value->value.utf8string, a, out);
	}
	GENERAL_NAMES_free(names);
}

/* A name as RFC 4514 text in UTF-8, cut at SUBJECT_OCTETS_MAX. */
static struct slice
name_text(const X509_NAME *name, struct arena *a)
{
	unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	BIO *bio = BIO_new(BIO_s_mem());
	struct slice out = { NULL, 0 };
	char *text = NULL;
	long n;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0 &&
	    (n = BIO_get_mem_data(bio, &text)) > 0)
		out = arena_copy(a, (struct slice){ text,
		    n > SUBJECT_OCTETS_MAX ? SUBJECT_OCTETS_MAX : (size_t)n });
	BIO_free(bio);
	return out;
}

static void
add_subject(X509 *cert, struct arena *a, struct smime_signer *out)
{
	const X509_NAME *name = X509_get_subject_name(cert);

	for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_pkcs9_emailAddress, at)) >= 0;)
		add_email(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), a, out);
	out->subject = name_text(name, a);
}

static void
add_serial(X509 *cert, struct arena *a, struct smime_signer *out)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = bn == NULL ? NULL : BN_bn2hex(bn);

	if (hex != NULL)
		out->serial = arena_copy(a, slice_sub(slice_of(hex), 0, SERIAL_OCTETS_MAX));
	OPENSSL_free(hex);
	BN_free(bn);
}

void
names_fill(X509 *cert, struct arena *a, struct smime_signer *out)
{
	out->emails_n = 0;
	add_alternative_names(cert, a, out);
	add_subject(cert, a, out);
	add_serial(cert, a, out);
	out->issuer = name_text(X509_get_issuer_name(cert), a);
	if (!asn1_seconds(X509_get0_notBefore(cert), &out->begin_s) ||
	    !asn1_seconds(X509_get0_notAfter(cert), &out->end_s))
		out->begin_s = out->end_s = 0;	/* no chain accepts it */
	ERR_clear_error();
}
