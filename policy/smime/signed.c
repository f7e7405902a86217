/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One CMS signed-data: every signer must verify over the same octets.
 *
 * Signed attributes are demanded, so a signature is checked in two steps: the attributes by
 * OpenSSL, and the digest in them against the content here, which is hashed once.
 */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "common/control.h"
#include "policy/smime/internal.h"

enum { CANDIDATES_MAX = 4 };	/* certificates that one signature may mean */

struct digest {
	int	      nid;
	unsigned char octets[EVP_MAX_MD_SIZE];
	unsigned      n;
};

struct run {
	const struct signed_input *in;
	struct arena		  *a;
	struct smime_result	  *out;
	STACK_OF(X509)		  *certs;
	struct slice		   content;
	struct digest		   digest;	/* of the content, the last one made */
};

CMS_ContentInfo *
signed_parse(struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	CMS_ContentInfo *cms;

	if (der.n == 0 || der.n > LONG_MAX)
		return NULL;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	ERR_clear_error();
	if (cms != NULL && (const char *)p != der.p + der.n) {
		CMS_ContentInfo_free(cms);
		return NULL;
	}
	return cms;
}

static struct slice
octets_of(const ASN1_OCTET_STRING *s)
{
	return (struct slice){ (const char *)ASN1_STRING_get0_data(s),
		(size_t)ASN1_STRING_length(s) };
}

static int
digest_nid(CMS_SignerInfo *si)
{
	X509_ALGOR *digest = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
	return digest == NULL ? NID_undef : OBJ_obj2nid(digest->algorithm);
}

/* Is the content the one that was signed? */
static unsigned
check_digest(struct run *run, int nid, const ASN1_OCTET_STRING *want)
{
	struct digest *d = &run->digest;

	if (d->nid != nid) {
		const EVP_MD *md = EVP_get_digestbynid(nid);

		if (md == NULL || EVP_Digest(run->content.n > 0 ? run->content.p : "",
		    run->content.n, d->octets, &d->n, md, NULL) != 1)
			return SIG_INTERNAL;
		d->nid = nid;
	}
	if (control_off("smime-digest"))
		return SIG_OK;
	return slice_eq(octets_of(want), (struct slice){ (const char *)d->octets, d->n }) ? SIG_OK :
	    SIG_ALTERED;
}

static unsigned
check_signature(CMS_SignerInfo *si)
{
	bool no_memory;
	int r = CMS_SignerInfo_verify(si);

	no_memory = r != 1 && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
	ERR_clear_error();
	if (r == 1 || control_off("smime-signature"))
		return SIG_OK;
	return no_memory ? SIG_INTERNAL : SIG_ALTERED;
}

/* What micalg says (RFC 8551 3.5.3.2, and bare OIDs as Outlook writes them) has this digest. */
static bool
micalg_has(struct slice micalg, int nid)
{
	struct slice one;

	while (micalg.n > 0) {
		char name[64] = "";

		slice_cut(&micalg, ',', &one);
		one = slice_trim(one);
		if (one.n == 0 || one.n >= sizeof name)
			continue;
		memcpy(name, one.p, one.n);
		if (slice_starts_nocase(one, SLICE("sha-")))	/* sha-256: OpenSSL says sha256 */
			memmove(name + 3, name + 4, one.n - 3);
		for (char *c = name; *c != '\0'; c++)
			*c = ascii_lower(*c);
		if (OBJ_txt2nid(name) == nid)
			return true;
	}
	return false;
}

/* Everything but the chain: SIG_OK or a reason. */
static unsigned
check_octets(struct run *run, CMS_SignerInfo *si, X509 *cert)
{
	const ASN1_OCTET_STRING *want = NULL;
	unsigned reason = algorithm_check(si, cert);

	if (reason != SIG_OK)
		return reason;
	if ((reason = attribute_check(si, &want)) != SIG_OK)
		return reason;
	if ((reason = attribute_certificate(si, cert)) != SIG_OK)
		return reason;
	if (run->in->micalg != NULL && !micalg_has(*run->in->micalg, digest_nid(si)) &&
	    !control_off("smime-micalg"))
		return SIG_MALFORMED;
	if ((reason = check_digest(run, digest_nid(si), want)) != SIG_OK)
		return reason;
	CMS_SignerInfo_set1_signer_cert(si, cert);
	return check_signature(si);
}

/* Everything about one signature, if it was made with this certificate. */
static unsigned
check_with(struct run *run, CMS_SignerInfo *si, X509 *cert, struct smime_signer *s)
{
	unsigned reason;

	*s = (struct smime_signer){ 0 };
	if (!cert_sha256(cert, s->cert_sha256))
		return SIG_INTERNAL;
	names_fill(cert, run->a, s);
	if ((reason = check_octets(run, si, cert)) != SIG_OK)
		return reason;
	if ((reason = attribute_signing_time(si, run->in->options->now_s, s)) != SIG_OK)
		return reason;
	return chain_verify(run->in->trust, cert, run->certs, run->in->options, &s->stale);
}

/*
 * The certificate is named by its key's identifier or by issuer and serial. Several may bear that
 * identifier (a certificate renewed over the same key): the one that makes the signature good is
 * meant, else the first. Past CANDIDATES_MAX nobody means well.
 */
static unsigned
check_signer(struct run *run, CMS_SignerInfo *si, struct smime_signer *s)
{
	unsigned reason = SIG_UNTRUSTED;
	unsigned found = 0;

	attribute_label(si, run->out);
	for (int i = 0; i < sk_X509_num(run->certs) && found < CANDIDATES_MAX; i++) {
		X509 *cert = sk_X509_value(run->certs, i);
		struct smime_signer with;
		unsigned r;

		if (CMS_SignerInfo_cert_cmp(si, cert) != 0)
			continue;
		r = check_with(run, si, cert, &with);
		if (found++ == 0 || r == SIG_OK) {
			*s = with;
			reason = r;
		}
		if (r == SIG_OK)
			break;
	}
	return reason;
}

/* The first reason that is final; one that only time may mend comes after it. */
static void
sum_up(struct smime_result *out)
{
	bool all_fail = true;

	out->reason = SIG_OK;
	for (unsigned i = 0; i < out->signers_n; i++) {
		const struct smime_signer *s = &out->signers[i];

		out->stale |= s->stale;
		out->clock |= s->clock;
		all_fail &= s->reason != SIG_OK;
		if (s->reason == SIG_INTERNAL)
			out->reason = SIG_INTERNAL;
		else if (s->reason != SIG_OK && (out->reason == SIG_OK ||
		    out->reason == SIG_UNKNOWN_REVOCATION))
			out->reason = s->reason;
	}
	if (!all_fail && control_off("smime-all-signers"))
		out->reason = SIG_OK;
	out->sig = out->reason == SIG_OK ? SIG_VALID :
	    out->reason == SIG_INTERNAL ? SIG_ERROR : SIG_BAD;
}

static int
bad(struct smime_result *out, unsigned reason)
{
	out->sig = reason == SIG_INTERNAL ? SIG_ERROR : SIG_BAD;
	out->reason = reason;
	return OK;
}

/* Find the octets that the signers must have signed: SIG_OK or a reason. */
static unsigned
find_content(struct run *run, CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **inside = CMS_get0_content(cms);
	bool has_inside = inside != NULL && *inside != NULL;

	if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return SIG_MALFORMED;
	if (run->in->detached != NULL && has_inside && !control_off("smime-econtent"))
		return SIG_MALFORMED;
	if (has_inside)
		run->content = arena_copy(run->a, octets_of(*inside));
	else if (run->in->detached != NULL)
		run->content = *run->in->detached;
	else
		return SIG_MALFORMED;
	if (!has_inside)
		run->out->detached = run->in->der;
	return SIG_OK;
}

static int
verify_signers(struct run *run, CMS_ContentInfo *cms)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	int n = infos == NULL ? 0 : sk_CMS_SignerInfo_num(infos);

	if (n == 0 && control_off("smime-no-signers")) {
		run->out->sig = SIG_VALID;
		return OK;
	}
	if (n < 1 || n > SMIME_SIGNERS_MAX || sk_X509_num(run->certs) > SMIME_CERTS_MAX)
		return bad(run->out, SIG_MALFORMED);
	for (int i = 0; i < n; i++) {
		struct smime_signer *s = &run->out->signers[run->out->signers_n++];

		s->reason = check_signer(run, sk_CMS_SignerInfo_value(infos, i), s);
	}
	sum_up(run->out);
	return run->a->err;
}

int
signed_verify(const struct signed_input *in, struct arena *a, struct smime_result *out)
{
	struct run run = { .in = in, .a = a, .out = out };
	CMS_ContentInfo *cms = signed_parse(in->der);
	unsigned reason;
	int r;

	if (cms == NULL || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		CMS_ContentInfo_free(cms);
		return bad(out, SIG_MALFORMED);
	}
	reason = find_content(&run, cms);
	out->content = run.content;
	run.certs = CMS_get1_certs(cms);
	r = reason != SIG_OK ? bad(out, reason) : verify_signers(&run, cms);
	sk_X509_pop_free(run.certs, X509_free);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return a->err != OK ? a->err : r;
}

int
smime_open_signed(void *arg, struct slice der, struct arena *a, struct slice *content_out)
{
	CMS_ContentInfo *cms = signed_parse(der);
	ASN1_OCTET_STRING **inside = NULL;
	int r = ERR_SYNTAX;

	(void)arg;
	if (cms != NULL && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed)
		inside = CMS_get0_content(cms);
	*content_out = (struct slice){ NULL, 0 };
	if (inside != NULL)
		r = OK;		/* detached, if it has none */
	if (inside != NULL && *inside != NULL) {
		*content_out = arena_copy(a, octets_of(*inside));
		r = a->err;
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return r;
}
