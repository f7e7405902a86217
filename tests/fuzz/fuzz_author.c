/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Who sends and what it is: a message, an octet 0x1e, and what is signed of it. */
#include <stdint.h>
#include <stdlib.h>

#include "common/words.h"
#include "mime/tree.h"
#include "policy/kind.h"
#include "policy/note.h"
#include "policy/protected.h"
#include "policy/resent.h"
#include "policy/signeddoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(struct slice message, struct slice content, struct arena *a)
{
	enum protected found = PROTECTED_NONE;
	const char *field = NULL;
	struct resent resent;
	struct tree t, inner;

	if (protected_check(message, content, &found, &field) == OK &&
	    (found == PROTECTED_DIFFERS) != (*field != '\0'))
		abort();
	if (resent_find(message, a, &resent) == OK && resent.is != (resent.from.n > 0))
		abort();
	if (tree_parse(message, a, &t) != OK || tree_parse(content, a, &inner) != OK)
		return;
	if (kind_of(&t) > KIND_ENCRYPTED || kind_of_signed(&t, &inner) > KIND_ENCRYPTED)
		abort();
	if (signeddoc_note(content, sniff(content)) > NOTE_COUNT)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice content = { (const char *)data, size }, message;
	struct arena a;

	arena_init(&a, 64 << 20);
	slice_cut(&content, 0x1e, &message);
	look(message, content, &a);
	arena_clear(&a);
	return 0;
}
