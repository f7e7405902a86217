/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Files of certificates, and of what is said of them, as objects of a trust blob.
 *
 *   PEM = *( any "-----BEGIN " label "-----" base64 "-----END " label "-----" ) any
 *   DER = *( Certificate / CertificateList / OCSPResponse )
 *   the text of policy/smime/revoked.h
 */
#include "common/base64.h"
#include "policy/smime/revoked.h"
#include "policy/trust.h"

/* Octets of a tag and a short or long length; 0: it is cut short. */
static size_t
head_octets(struct slice der)
{
	size_t n = 2;

	if (der.n < 2)
		return 0;
	if (((unsigned char)der.p[1] & 0x80) != 0)
		n += (unsigned char)der.p[1] & 0x7f;
	return n < der.n ? n : 0;
}

/* An OCSPResponse begins with an ENUMERATED, a CertificateList with a SEQUENCE. */
static enum smime_object
kind_of(struct slice der, enum smime_object kind)
{
	size_t head = head_octets(der);

	return kind == SMIME_CRL && head > 0 && der.p[head] == 0x0a ? SMIME_OCSP : kind;
}

static int
add_der(struct slice der, enum smime_object kind, struct buf *blob)
{
	size_t n;
	int r;

	while ((r = smime_der_next(der, &n)) == 1) {
		struct slice one = slice_sub(der, 0, n);

		if (n > der.n)
			return ERR_SYNTAX;
		r = smime_trust_add(blob, kind_of(one, kind), one);
		if (r != OK)
			return r;
		der = slice_from(der, n);
	}
	return r;
}

/* What a block of this label is, in a file of that kind; false: passed over. */
static bool
is_wanted(struct slice *octets, enum smime_object kind, enum smime_object *out)
{
	static const struct { enum smime_object of, is; struct slice label; } labels[] = {
		{ SMIME_ROOT, SMIME_ROOT, { "CERTIFICATE-----", 16 } },
		{ SMIME_INTERMEDIATE, SMIME_INTERMEDIATE, { "CERTIFICATE-----", 16 } },
		{ SMIME_CRL, SMIME_CRL, { "X509 CRL-----", 13 } },
		{ SMIME_CRL, SMIME_OCSP, { "OCSP RESPONSE-----", 18 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (labels[i].of == kind && slice_starts_nocase(*octets, labels[i].label)) {
			*octets = slice_from(*octets, labels[i].label.n);
			*out = labels[i].is;
			return true;
		}
	return false;
}

static int
add_block(struct slice base64, enum smime_object kind, struct buf *blob)
{
	struct buf der;
	unsigned flags = 0;
	int r;

	buf_init(&der, base64.n);
	r = base64_decode(base64, &der, &flags);
	if (r == OK && flags != 0)
		r = ERR_SYNTAX;
	if (r == OK)
		r = smime_trust_add(blob, kind, buf_slice(&der));
	buf_fini(&der);
	return r;
}

static int
add_pem(struct slice octets, enum smime_object kind, struct buf *blob)
{
	struct slice begin = SLICE("-----BEGIN "), end = SLICE("-----END ");
	int r = OK;

	for (ptrdiff_t at = slice_find(octets, begin); r == OK && at >= 0;
	    at = slice_find(octets, begin)) {
		enum smime_object is;
		ptrdiff_t stop;

		octets = slice_from(octets, (size_t)at + begin.n);
		if (!is_wanted(&octets, kind, &is))
			continue;
		stop = slice_find(octets, end);
		if (stop < 0)
			return ERR_SYNTAX;	/* cut short: a file that is just being written */
		r = add_block(slice_sub(octets, 0, (size_t)stop), is, blob);
		octets = slice_from(octets, (size_t)stop);
	}
	return r;
}

int
trust_parse_file(struct slice octets, enum smime_object kind, struct buf *blob)
{
	if (kind == SMIME_CRL && revoked_is(octets))
		return smime_trust_add(blob, SMIME_REVOKED, octets);
	if (slice_find(octets, SLICE("-----BEGIN ")) < 0)
		return add_der(octets, kind, blob);
	return add_pem(octets, kind, blob);
}
