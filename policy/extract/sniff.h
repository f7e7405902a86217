/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/sniff.h: what octets are, by themselves, whatever their label says.
 *
 * Bounds  looks at the beginning and the end only, and at up to SNIFF_TEXT_OCTETS to tell text.
 */
#ifndef POLICY_EXTRACT_SNIFF_H
#define POLICY_EXTRACT_SNIFF_H

#include "common/slice.h"

enum { SNIFF_TEXT_OCTETS = 64 * 1024 };

enum sniff {
	SNIFF_EMPTY,
	SNIFF_TEXT,	/* could be text in some charset */
	SNIFF_HTML,
	SNIFF_XML,
	SNIFF_UTF16LE, SNIFF_UTF16BE,
	SNIFF_ZIP,
	SNIFF_PDF,
	SNIFF_PACK,	/* another archive or a compressed file: 7z, rar, tar, gzip ... */
	SNIFF_CMS_SIGNED, SNIFF_CMS_ENCRYPTED, SNIFF_CMS_OTHER,	/* DER */
	SNIFF_CERTIFICATE,	/* one certificate (DER) and nothing behind it */
	SNIFF_RTF,	/* Rich Text Format */
	SNIFF_COMPOUND,	/* a compound file: doc, xls, ppt, msg */
	SNIFF_TNEF,	/* winmail.dat */
	SNIFF_IMAGE,	/* a picture of points: JPEG, PNG, GIF, BMP, TIFF, WebP, JPEG 2000,
			   HEIC, AVIF */
	SNIFF_METAFILE,	/* a drawing of Windows or LibreOffice: EMF, WMF, SVM */
	SNIFF_BINARY	/* other pictures, other archives, programs, anything else */
};

enum sniff sniff(struct slice octets);

/* All of it, not only its beginning, is text of the kind that sniff() saw. */
bool sniff_is_text(struct slice octets);

/* Binary content of a kind that its first octets name: pictures, archives, documents, programs. */
bool sniff_is_known(struct slice octets);

/* A compressed stream: gzip, bzip2, xz, zstd. */
bool sniff_is_stream(struct slice octets);

/* A picture by its first octets: JPEG, PNG, GIF, EMF, WMF. */
bool sniff_is_picture(struct slice octets);

/* What file managers leave in archives for themselves (.DS_Store, ._name): small, and shown to
 * nobody. */
bool sniff_is_debris(struct slice octets);

/* Is the first element <svg>, behind a declaration and comments? */
bool sniff_is_drawing(struct slice octets);

/* Does a zip end somewhere in the last octets, whatever stands before it? */
bool sniff_zip_at_end(struct slice octets);
/* Its end record with some octets before it, by which it is known again; empty: there is none. */
struct slice sniff_zip_end(struct slice octets);

/* The kind of CMS structure by the OID near its beginning: SNIFF_CMS_* or SNIFF_BINARY. */
enum sniff sniff_cms(struct slice der);

#endif
