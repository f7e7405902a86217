/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Signatures: whole messages, and bare CMS objects. Nothing is trusted, so nothing may be valid. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/smime/smime.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, content;
	struct buf blob;
	struct arena a;

	if (smime_init() != OK)
		abort();
	arena_init(&a, 64 << 20);
	verify(in, &a);
	if (smime_open_signed(NULL, in, &a, &content) == OK && content.n > size)
		abort();
	buf_init(&blob, 2 * size + 16);
	(void)!smime_trust_add(&blob, SMIME_CRL, in);
	(void)!smime_trust_add(&blob, SMIME_ROOT, in);
	if (blob.n > 0) {
		struct smime_trust *trust;

		if (smime_trust_new(buf_slice(&blob), &trust) == OK)
			smime_trust_free(&trust);
	}
	buf_fini(&blob);
	arena_clear(&a);
	return 0;
}
