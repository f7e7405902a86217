/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd_token.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <libp11.h>

#include "directory/keyd_uri.h"

struct token {
	PKCS11_CTX    *ctx;
	PKCS11_SLOT   *slots;
	unsigned       slots_n;
	EVP_PKEY      *key;
	bool	       loaded;
};

EVP_PKEY *
token_key(const struct token *t)
{
	return t->key;
}

void
token_close(struct token **token)
{
	struct token *t = *token;

	if (t == NULL)
		return;
	EVP_PKEY_free(t->key);
	if (t->slots != NULL)
		PKCS11_release_all_slots(t->ctx, t->slots, t->slots_n);
	if (t->loaded)
		PKCS11_CTX_unload(t->ctx);
	if (t->ctx != NULL)
		PKCS11_CTX_free(t->ctx);
	free(t);
	*token = NULL;
}

static enum token_outcome
say(struct buf *why, enum token_outcome outcome, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	buf_addf(why, "%s%s%s", what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
	return outcome;
}

static bool
is_wanted_slot(const PKCS11_SLOT *slot, const struct keyd_uri *uri)
{
	const PKCS11_TOKEN *t = slot->token;

	return t != NULL && t->label != NULL && t->serialnr != NULL &&
	    keyd_uri_fits(&uri->token, slice_of(t->label)) &&
	    keyd_uri_fits(&uri->serial, slice_of(t->serialnr));
}

static PKCS11_SLOT *
find_slot(const struct token *t, const struct keyd_uri *uri, unsigned *found_out)
{
	PKCS11_SLOT *slot = NULL;

	*found_out = 0;
	for (unsigned i = 0; i < t->slots_n; i++)
		if (is_wanted_slot(&t->slots[i], uri)) {
			slot = &t->slots[i];
			(*found_out)++;
		}
	return slot;
}

/* The last attempt before the token locks is left to a person. */
static enum token_outcome
sign_in(PKCS11_SLOT *slot, const char *pin, struct buf *why)
{
	if (PKCS11_open_session(slot, 0) != 0)
		return say(why, TOKEN_AWAY, "the token opens no session");
	if (pin == NULL)
		return TOKEN_OK;
	if (slot->token->userPinLocked || slot->token->userPinFinalTry)
		return say(why, TOKEN_PIN, "the PIN is locked, or the next wrong one locks it");
	return PKCS11_login(slot, 0, pin) == 0 ? TOKEN_OK :
	    say(why, TOKEN_PIN, "the token refuses the PIN");
}

static bool
is_wanted_key(const PKCS11_KEY *key, const struct keyd_uri *uri)
{
	struct slice id = { (const char *)key->id, key->id != NULL ? key->id_len : 0 };

	return key->isPrivate && keyd_uri_fits(&uri->id, id) &&
	    keyd_uri_fits(&uri->object, slice_of(key->label));
}

static enum token_outcome
find_key(struct token *t, PKCS11_SLOT *slot, const struct keyd_uri *uri, struct buf *why)
{
	PKCS11_KEY *keys, *key = NULL;
	unsigned n, found = 0;

	if (PKCS11_enumerate_keys(slot->token, &keys, &n) != 0)
		return say(why, TOKEN_NO_KEY, "the token does not list its keys");
	for (unsigned i = 0; i < n; i++)
		if (is_wanted_key(&keys[i], uri)) {
			key = &keys[i];
			found++;
		}
	if (found != 1)
		return say(why, TOKEN_NO_KEY, found == 0 ? "the token has no such key" :
		    "the token has several such keys");
	t->key = PKCS11_get_private_key(key);
	return t->key != NULL ? TOKEN_OK : say(why, TOKEN_NO_KEY, "the key cannot be used");
}

static enum token_outcome
open_in(struct token *t, const char *module, const struct keyd_uri *uri, const char *pin,
    struct buf *why)
{
	enum token_outcome outcome;
	PKCS11_SLOT *slot;
	unsigned found;

	t->ctx = PKCS11_CTX_new();
	if (t->ctx == NULL || PKCS11_CTX_load(t->ctx, module) != 0)
		return say(why, TOKEN_AWAY, "the PKCS#11 library cannot be loaded");
	t->loaded = true;
	if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->slots_n) != 0) {
		t->slots = NULL;
		return say(why, TOKEN_AWAY, "the PKCS#11 library lists no slots");
	}
	slot = find_slot(t, uri, &found);
	if (found != 1)
		return say(why, TOKEN_AWAY, found == 0 ? "there is no such token" :
		    "there are several such tokens");
	outcome = sign_in(slot, pin, why);
	return outcome == TOKEN_OK ? find_key(t, slot, uri, why) : outcome;
}

enum token_outcome
token_open(const char *module, const char *uri_text, const char *pin, struct buf *why,
    struct token **out)
{
	struct token *t = calloc(1, sizeof *t);
	enum token_outcome outcome;
	struct keyd_uri uri;

	*out = NULL;
	ERR_clear_error();
	if (t == NULL)
		return say(why, TOKEN_AWAY, "out of memory");
	if (keyd_uri_parse(slice_of(uri_text), &uri) != OK) {
		free(t);
		return say(why, TOKEN_NO_KEY, "pkcs11-uri names no key that can be told apart");
	}
	outcome = open_in(t, module, &uri, pin, why);
	if (outcome == TOKEN_OK)
		*out = t;
	else
		token_close(&t);
	return outcome;
}
