/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the files of situation.h share. */
#ifndef TESTS_SITUATION_INTERNAL_H
#define TESTS_SITUATION_INTERNAL_H

#include <openssl/conf.h>
#include <openssl/x509.h>

#include "tests/unit/policy/situation.h"

enum { WORDS_MAX = 6, OPTIONS_MAX = 12, LINE_MAX_OCTETS = 1024 };

struct entity {
	char	  id[32];
	X509	 *x;
	EVP_PKEY *key;
	struct entity *issuer;
	bool	  has_crl;	/* a line made one, or wants none */
	bool	  is_issuer, is_ee, embed, signs;
	int64_t	  signed_s;
};

struct line {
	char  text[LINE_MAX_OCTETS];
	char *words[WORDS_MAX];
	char *options[OPTIONS_MAX];
	unsigned words_n, options_n;
};

/* The value of an option, "" for one without; NULL: it is not there. */
const char *option(const struct line *l, const char *name);
/* A time option, or days from now. */
void set_time(ASN1_TIME *t, const char *text, const char *otherwise);
ASN1_GENERALIZEDTIME *general_time(const char *text, const char *otherwise);
X509_NAME *name_of(const char *text);
struct entity *find(const char *id);
const EVP_MD *digest_for(const struct line *l, EVP_PKEY *key);
/* Flip a bit of a signature. */
void spoil(const ASN1_BIT_STRING *signature);
/* The configuration whose section "x" has the extensions of a line. */
CONF *conf_of(const struct line *l, const char *const *defaults, const X509 *issuer);
/* Fail the test. */
void tell_library_error(const char *what);
/* Add an object to the blob and free it. */
void put(struct situation *s, enum smime_object kind, unsigned char *der, int n);

/* situation_status.c */
void make_list(struct situation *s, const struct line *l);
void make_response(struct situation *s, const struct line *l);

#endif
