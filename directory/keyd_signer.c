/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd_signer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "common/control.h"
#include "directory/keyd_token.h"
#include "directory/proto.h"

enum { FILE_OCTETS_MAX = 65536, SUBJECT_OCTETS_MAX = 1024, PIN_OCTETS_MAX = 64 };

struct signer {
	const struct conf_signer *conf;
	X509			 *cert;
	STACK_OF(X509)		 *chain;
	EVP_PKEY		 *key;		/* of a file, or token_key() */
	struct token		 *token;
	char			 *pin;		/* sodium_malloc; until signer_open */
	char			  subject[SUBJECT_OCTETS_MAX + 1];
	uint64_t		  end_s;
	unsigned		  state;
};

const char *
signer_title(const struct signer *s)
{
	return s->conf->title;
}

const char *
signer_subject(const struct signer *s)
{
	return s->subject;
}

unsigned
signer_state(const struct signer *s)
{
	return s->state;
}

uint64_t
signer_end_s(const struct signer *s)
{
	return s->end_s;
}

static void
forget_pin(struct signer *s)
{
	sodium_free(s->pin);	/* zeroes it */
	s->pin = NULL;
}

void
signer_free(struct signer **signer)
{
	struct signer *s = *signer;

	if (s == NULL)
		return;
	if (s->token == NULL)
		EVP_PKEY_free(s->key);
	token_close(&s->token);
	sk_X509_pop_free(s->chain, X509_free);
	X509_free(s->cert);
	forget_pin(s);
	free(s);
	*signer = NULL;
}

/* ---- files ---- */

static bool
is_private(const struct stat *st)
{
	return ((st->st_mode & 077) == 0 && (st->st_uid == geteuid() || st->st_uid == 0)) ||
	    control_off("signer-file");
}

/* A file into secret memory (sodium_malloc, NUL at the end), of at most max octets. secret: nobody
 * but its owner, who must be us or root, may read it. */
static char *
read_file(const char *path, size_t max, bool secret, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW * secret);
	char *text = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) != 0) {
		buf_addf(why, "%s: %s", path, err_text(-errno));
	} else if (secret && !is_private(&st)) {
		buf_addf(why, "%s: others may read it, or it is not keyd's user's: chmod 600, "
		    "chown", path);
	} else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max) {
		buf_addf(why, "%s: is no file of at most %zu octets", path, max);
	} else if ((text = sodium_malloc(max + 1)) != NULL) {
		n = read(fd, text, max);
		text[n > 0 ? n : 0] = '\0';
		if (n <= 0)
			buf_addf(why, "%s: is empty", path);
	}
	if (fd >= 0)
		close(fd);
	if (n <= 0 && text != NULL)
		sodium_free(text);
	return n > 0 ? text : NULL;
}

/* OpenSSL asks on the terminal otherwise. */
static int
no_password(char *out, int octets, int writing, void *arg)
{
	(void)out;
	(void)octets;
	(void)writing;
	(void)arg;
	return -1;
}

static int
take_certificates(struct signer *s, BIO *in)
{
	X509 *x;

	s->cert = PEM_read_bio_X509(in, NULL, no_password, NULL);
	s->chain = sk_X509_new_null();
	if (s->cert == NULL || s->chain == NULL)
		return ERR_SYNTAX;
	while ((x = PEM_read_bio_X509(in, NULL, no_password, NULL)) != NULL)
		if (sk_X509_num(s->chain) == SIGNER_CHAIN_MAX || sk_X509_push(s->chain, x) == 0) {
			X509_free(x);
			return ERR_LIMIT;
		}
	/* The end of the file is an error of this kind; anything else is damage. */
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? OK : ERR_SYNTAX;
}

static void
describe(struct signer *s)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct tm tm;
	char *text;
	long n;

	if (out != NULL && X509_NAME_print_ex(out, X509_get_subject_name(s->cert), 0,
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		n = BIO_get_mem_data(out, &text);
		if (n > 0 && n <= SUBJECT_OCTETS_MAX)
			memcpy(s->subject, text, (size_t)n);
	}
	BIO_free(out);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(s->cert), &tm) == 1)
		s->end_s = (uint64_t)timegm(&tm);
}

static int
read_certificate(struct signer *s, struct buf *why)
{
	char *text = read_file(s->conf->certificate, FILE_OCTETS_MAX, false, why);
	BIO *in = text != NULL ? BIO_new_mem_buf(text, -1) : NULL;
	int err = in != NULL ? take_certificates(s, in) : ERR_IO;

	if (err == OK)
		describe(s);
	else if (text != NULL)
		buf_addf(why, "%s: holds no certificates in PEM, or more than %d",
		    s->conf->certificate, SIGNER_CHAIN_MAX + 1);
	BIO_free(in);
	sodium_free(text);
	ERR_clear_error();
	return err;
}

static int
read_key(struct signer *s, struct buf *why)
{
	char *text = read_file(s->conf->key, FILE_OCTETS_MAX, true, why);
	BIO *in = text != NULL ? BIO_new_mem_buf(text, -1) : NULL;

	if (in != NULL)
		s->key = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
	if (text != NULL && s->key == NULL)
		buf_addf(why, "%s: holds no private key in PEM without a password", s->conf->key);
	BIO_free(in);
	sodium_free(text);
	ERR_clear_error();
	return s->key != NULL ? OK : ERR_IO;
}

static int
read_pin(struct signer *s, struct buf *why)
{
	if (*s->conf->pin_file == '\0')
		return OK;
	s->pin = read_file(s->conf->pin_file, PIN_OCTETS_MAX, true, why);
	if (s->pin == NULL)
		return ERR_IO;
	s->pin[strcspn(s->pin, "\r\n")] = '\0';
	return OK;
}

int
signer_read(const struct conf_signer *conf, struct buf *why, struct signer **out)
{
	struct signer *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_NOMEM;
	s->conf = conf;
	s->state = SIGN_NO_KEY;
	if (read_certificate(s, why) != OK)
		s->state = SIGN_NO_CERTIFICATE;
	else if (*conf->key != '\0' ? read_key(s, why) == OK : read_pin(s, why) == OK)
		s->state = SIGN_READY;	/* as far as files go */
	*out = s;
	return OK;
}

/* ---- signing ---- */

static int
add_attributes(CMS_SignerInfo *si, const unsigned char sha256[SIGNER_DIGEST_OCTETS])
{
	return CMS_signed_add1_attr_by_NID(si, NID_pkcs9_contentType, V_ASN1_OBJECT,
	    OBJ_nid2obj(NID_pkcs7_data), -1) == 1 &&
	    CMS_signed_add1_attr_by_NID(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, sha256,
	    SIGNER_DIGEST_OCTETS) == 1;
}

static int
encode(CMS_ContentInfo *cms, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);
	int err = n > 0 && n <= SIGNER_CMS_MAX ? OK : ERR_CRYPTO;

	if (err == OK)
		buf_add(out, (struct slice){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	return err == OK ? out->err : err;
}

static int
sign(struct signer *s, const unsigned char sha256[SIGNER_DIGEST_OCTETS], struct buf *out)
{
	const unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, s->chain, NULL, flags);
	CMS_SignerInfo *si = NULL;
	int err = ERR_CRYPTO;

	if (cms != NULL)
		si = CMS_add1_signer(cms, s->cert, s->key, EVP_sha256(), flags);
	if (si != NULL && add_attributes(si, sha256) && CMS_SignerInfo_sign(si) == 1)
		err = encode(cms, out);
	CMS_ContentInfo_free(cms);
	return err;
}

/* Has the certificate's own public key made the signature of that SignedData? */
static bool
is_by_certificate(struct signer *s, struct slice der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	STACK_OF(CMS_SignerInfo) *infos = cms != NULL ? CMS_get0_SignerInfos(cms) : NULL;
	CMS_SignerInfo *si = infos != NULL ? sk_CMS_SignerInfo_value(infos, 0) : NULL;
	bool ok = false;

	if (si != NULL && CMS_SignerInfo_cert_cmp(si, s->cert) == 0) {
		CMS_SignerInfo_set1_signer_cert(si, s->cert);
		ok = CMS_SignerInfo_verify(si) == 1;
	}
	CMS_ContentInfo_free(cms);
	return ok;
}

/* One signature, for nothing: of a key that does not fit the certificate, or a token that cannot
 * sign, it is better to hear at once. Also, all that OpenSSL loads lazily is there then. */
static bool
works(struct signer *s)
{
	static const unsigned char nothing[SIGNER_DIGEST_OCTETS];
	struct buf out;
	bool ok;

	buf_init(&out, SIGNER_CMS_MAX);
	ok = sign(s, nothing, &out) == OK && is_by_certificate(s, buf_slice(&out));
	buf_fini(&out);
	ERR_clear_error();
	return ok;
}

static unsigned
open_token(struct signer *s, bool *pin_refused, struct buf *why)
{
	static const unsigned states[] = { [TOKEN_OK] = SIGN_READY, [TOKEN_AWAY] = SIGN_NO_TOKEN,
		[TOKEN_NO_KEY] = SIGN_NO_KEY, [TOKEN_PIN] = SIGN_BAD_PIN };
	enum token_outcome outcome;

	if (*pin_refused && !control_off("signer-pin")) {
		buf_adds(why, "the token refused the PIN before; mend pin-file and restart "
		    "directoryd");
		return SIGN_BAD_PIN;
	}
	outcome = token_open(s->conf->pkcs11_module, s->conf->pkcs11_uri, s->pin, why, &s->token);
	*pin_refused = outcome == TOKEN_PIN;
	if (outcome == TOKEN_OK)
		s->key = token_key(s->token);
	return states[outcome];
}

void
signer_open(struct signer *s, bool *pin_refused, struct buf *why)
{
	if (s->state == SIGN_READY && *s->conf->pkcs11_module != '\0')
		s->state = open_token(s, pin_refused, why);
	forget_pin(s);
	if (s->state == SIGN_READY && !works(s)) {
		buf_adds(why, "the key does not make signatures that fit the certificate");
		s->state = SIGN_NO_KEY;
	}
}

int
signer_sign(struct signer *s, const unsigned char sha256[SIGNER_DIGEST_OCTETS], struct buf *out)
{
	int err = s->state == SIGN_READY ? sign(s, sha256, out) : ERR_UNAVAIL;

	ERR_clear_error();
	return err;
}
