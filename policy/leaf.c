/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/leaf.h"

#include <sodium.h>

#include "common/buf.h"
#include "mime/word.h"
#include "policy/extract/sniff.h"

static void
hash(crypto_hash_sha256_state *h, struct slice s)
{
	if (s.n > 0)
		crypto_hash_sha256_update(h, (const unsigned char *)s.p, s.n);
}

static bool
is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

static void
hash_text(crypto_hash_sha256_state *h, struct slice s)
{
	while (s.n > 0 && is_line_end(s.p[s.n - 1]))
		s.n--;
	for (size_t from = 0, at = 0;; at++) {
		if (at < s.n && s.p[at] != '\r')
			continue;
		hash(h, slice_sub(s, from, at - from));
		if (at == s.n)
			return;
		if (at + 1 == s.n || s.p[at + 1] != '\n')
			hash(h, SLICE("\n"));
		from = at + 1;
	}
}

/* What is only called text may mean something else with other "line ends" in it. */
static bool
has_line_ends(struct slice s)
{
	enum sniff kind = sniff(s);

	return kind == SNIFF_EMPTY || ((kind == SNIFF_TEXT || kind == SNIFF_HTML ||
	    kind == SNIFF_XML) && sniff_is_text(s));
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || is_line_end(c);
}

static void
hash_words(crypto_hash_sha256_state *h, struct slice s)
{
	s = slice_trim(s);
	while (s.n > 0) {
		size_t n = 0;

		while (n < s.n && !is_space(s.p[n]))
			n++;
		hash(h, slice_sub(s, 0, n));
		s = slice_from(s, n);
		if (s.n > 0)
			hash(h, SLICE(" "));
		while (s.n > 0 && is_space(s.p[0]))
			s = slice_from(s, 1);
	}
}

static void
hash_lower(crypto_hash_sha256_state *h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		hash(h, (struct slice){ &c, 1 });
	}
}

static int
hash_field(crypto_hash_sha256_state *h, const struct leaf *l)
{
	struct buf text;
	unsigned flags = 0;
	int r;

	hash_lower(h, l->name);
	hash(h, SLICE(":"));
	buf_init(&text, 4 * l->octets.n + 64);
	r = word_decode(l->octets, &text, &flags);
	hash_words(h, buf_slice(&text));
	/* Others may read other letters in it: who releases it does so as it is. */
	if ((flags & (WORD_FLAG_CHARSET | WORD_FLAG_BAD_CHARS | WORD_FLAG_RAW_OTHER |
	    WORD_FLAG_MALFORMED)) != 0) {
		hash(h, SLICE("\n"));
		hash_words(h, l->octets);
	}
	buf_fini(&text);
	return r;
}

const unsigned char *
leaf_digest(struct leaf *l)
{
	crypto_hash_sha256_state h;

	if (l->kind == LEAF_NONE)
		return NULL;
	if (l->known)
		return l->sha256;
	crypto_hash_sha256_init(&h);
	if (l->charset.n > 0) {
		hash_lower(&h, l->charset);
		hash(&h, (struct slice){ "", 1 });
	}
	if (l->kind == LEAF_OCTETS || (l->kind == LEAF_TEXT && !has_line_ends(l->octets)))
		hash(&h, l->octets);
	else if (l->kind == LEAF_TEXT)
		hash_text(&h, l->octets);
	else if (hash_field(&h, l) != OK)
		return NULL;
	crypto_hash_sha256_final(&h, l->sha256);
	l->known = true;
	return l->sha256;
}
