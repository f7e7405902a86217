/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/trust.h: the files with roots, intermediates and CRLs, read and watched.
 *
 * Shape   trust_load reads them all into one blob (policy/smime/smime.h) that workers, which
 *         have no files, get as a sealed memfd; trust_refresh looks for changes and reads again
 *         what changed.
 * Formats PEM (any number of blocks; other blocks are passed over) or DER; crls may be a
 *         directory of such files (names that begin with "." are passed over). A file of crls
 *         holds CRLs, OCSP responses (DER, or PEM "OCSP RESPONSE") or the text of
 *         policy/smime/revoked.h; which, its content tells.
 * Memory  what was proven revoked stays so while this lives; see policy/smime/revoked.h.
 * Faults  a changed file that cannot be read keeps its last good content and is logged; a file
 *         that is gone is gone. At the first load roots must be readable and hold at least one.
 * Bounds  TRUST_FILE_MAX octets a file, TRUST_FILES_MAX files; with one more the old set stays, and
 *         that is logged, once. A look costs one stat call a file.
 */
#ifndef POLICY_TRUST_H
#define POLICY_TRUST_H

#include "policy/smime/smime.h"

enum { TRUST_FILE_MAX = 64 << 20, TRUST_FILES_MAX = 4096, TRUST_BLOB_MAX = 256 << 20 };

struct trust;

struct trust_paths {
	const char *roots;
	const char *intermediates;	/* NULL or "": none */
	const char *crls;		/* file or directory; NULL or "": none */
};

/* Read everything. ERR_CONF: no root certificate could be read, or a file is broken; which one
 * is logged. */
int trust_load(const struct trust_paths *paths, struct trust **out) MUST_USE;
void trust_free(struct trust **trust);

/* Look at the files again: 1 if the blob has changed, 0 if not. ERR_NOMEM, ERR_LIMIT (of files or
 * their octets): the old set stays. */
int trust_refresh(struct trust *trust) MUST_USE;

/* The present set, valid until the next refresh; it counts up with every change. */
struct slice trust_blob(const struct trust *trust);
uint64_t trust_generation(const struct trust *trust);

/* Append the octets of one file's objects of a kind to a blob, PEM or DER: OK, ERR_SYNTAX.
 * SMIME_CRL also takes OCSP responses and the text of once revoked certificates. */
int trust_parse_file(struct slice octets, enum smime_object kind, struct buf *blob) MUST_USE;

#endif
