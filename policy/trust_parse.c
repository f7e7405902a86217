/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Certificate and CRL files, PEM or DER, as objects of a trust blob.
 *
 *   PEM = *( any "-----BEGIN " label "-----" base64 "-----END " label "-----" ) any
 */
#include "common/base64.h"
#include "policy/trust.h"

static struct slice
label_of(enum smime_object kind)
{
	return kind == SMIME_CRL ? SLICE("X509 CRL-----") : SLICE("CERTIFICATE-----");
}

static int
add_der(struct slice der, enum smime_object kind, struct buf *blob)
{
	size_t n;
	int r;

	while ((r = smime_der_next(der, &n)) == 1) {
		if (n > der.n)
			return ERR_SYNTAX;
		r = smime_trust_add(blob, kind, slice_sub(der, 0, n));
		if (r != OK)
			return r;
		der = slice_from(der, n);
	}
	return r;
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

int
trust_parse_file(struct slice octets, enum smime_object kind, struct buf *blob)
{
	struct slice begin = SLICE("-----BEGIN "), end = SLICE("-----END ");
	struct slice label = label_of(kind);
	ptrdiff_t at = slice_find(octets, begin);
	int r = OK;

	if (at < 0)
		return add_der(octets, kind, blob);
	for (; r == OK && at >= 0; at = slice_find(octets, begin)) {
		ptrdiff_t stop;

		octets = slice_from(octets, (size_t)at + begin.n);
		if (!slice_starts_nocase(octets, label))
			continue;
		octets = slice_from(octets, label.n);
		stop = slice_find(octets, end);
		if (stop < 0)
			return ERR_SYNTAX;	/* cut short: a file that is just being written */
		r = add_block(slice_sub(octets, 0, (size_t)stop), kind, blob);
		octets = slice_from(octets, (size_t)stop);
	}
	return r;
}
