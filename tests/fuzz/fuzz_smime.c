/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Signatures: whole messages, and bare CMS objects. Nothing is trusted, so nothing may be valid. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/smime/revoked.h"
#include "policy/smime/smime.h"
#include "policy/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
verify(struct slice message, struct arena *a)
{
	struct smime_options o = { .now_s = 1800000000, .revocation_grace_s = 259200 };
	struct smime_result r;
	struct tree t;

	if (tree_parse(message, a, &t) != OK || smime_verify(&t, NULL, &o, a, &r) != OK)
		return;
	if (r.sig == SIG_VALID || r.signers_n > SMIME_SIGNERS_MAX)
		abort();
	if ((r.sig == SIG_NONE) != (r.reason == SIG_OK))
		abort();
}

/* Nobody is trusted by these octets, so no list among them may be believed. */
static void
use_trust(struct smime_trust *trust, enum smime_object kind, struct slice in)
{
	struct smime_options o = { .now_s = 1800000000 };
	struct revoked_list list;
	struct smime_status status;
	struct smime_trust_info info;

	smime_trust_info(trust, &info);
	if (smime_status(trust, kind, in, &o, &status) == OK && status.genuine && info.roots == 0)
		abort();
	revoked_init(&list);
	if (smime_trust_revoked(trust, &o, &list) != OK)
		abort();
	(void)revoked_settle(&list);
	if (list.count > info.revoked && info.roots == 0)
		abort();
	revoked_fini(&list);
}

static void
parse_trust(struct slice in)
{
	static const enum smime_object kinds[] = { SMIME_CRL, SMIME_ROOT, SMIME_INTERMEDIATE };
	struct smime_trust *trust;
	struct buf blob;

	buf_init(&blob, 8 * in.n + 64);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t before = blob.n;

		if (trust_parse_file(in, kinds[i], &blob) != OK) {
			blob.n = before;	/* what came before the fault */
			blob.err = OK;
		}
	}
	if (blob.n > 0 && smime_trust_new(buf_slice(&blob), &trust) == OK) {
		use_trust(trust, SMIME_CRL, in);
		use_trust(trust, SMIME_OCSP, in);
		smime_trust_free(&trust);
	}
	if (smime_trust_new(in, &trust) == OK) {	/* as a blob, whole */
		use_trust(trust, SMIME_CRL, in);
		smime_trust_free(&trust);
	}
	buf_fini(&blob);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, content;
	struct arena a;

	if (smime_init() != OK)
		abort();
	arena_init(&a, 64 << 20);
	verify(in, &a);
	if (smime_open_signed(NULL, in, &a, &content) == OK && content.n > size)
		abort();
	parse_trust(in);
	arena_clear(&a);
	return 0;
}
