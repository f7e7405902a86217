/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/zipmake.h: small zips, good and bad, octet by octet.
 */
#ifndef TESTS_UNIT_POLICY_ZIPMAKE_H
#define TESTS_UNIT_POLICY_ZIPMAKE_H

#include "common/buf.h"

struct zip_file { const char *name; struct slice octets; };

/* What is wrong with the zip, from the second file on where it says "second". */
enum zip_fault {
	ZIP_GOOD,
	ZIP_OVERLAP,		/* second directory entry points to the first file */
	ZIP_GAP,		/* octets between the files */
	ZIP_PREFIX,		/* octets before the first file */
	ZIP_SUFFIX,		/* octets behind the end record */
	ZIP_NAME_DIFFERS,	/* local name is not that of the directory */
	ZIP_SIZE_DIFFERS,
	ZIP_CRC_WRONG,
	ZIP_METHOD,		/* an unknown method */
	ZIP_ENCRYPTED,
	ZIP_CUT,		/* the end is missing */
	ZIP_HIDDEN		/* a file that the directory does not have */
};

static inline uint32_t
zip_crc(struct slice s)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned char)s.p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

static inline void
zip_common(struct buf *z, const struct zip_file *f, enum zip_fault fault, bool local)
{
	uint32_t n = (uint32_t)f->octets.n;

	buf_add_u16(z, fault == ZIP_ENCRYPTED ? 1 : 0);
	buf_add_u16(z, fault == ZIP_METHOD ? 12 : 0);
	buf_add_u32(z, 0);
	buf_add_u32(z, zip_crc(f->octets) + (fault == ZIP_CRC_WRONG));
	buf_add_u32(z, n);
	buf_add_u32(z, local && fault == ZIP_SIZE_DIFFERS ? n + 1 : n);
	buf_add_u16(z, (uint16_t)slice_of(f->name).n);
	buf_add_u16(z, 0);
}

static inline void
zip_local(struct buf *z, const struct zip_file *f, enum zip_fault fault)
{
	buf_add_u32(z, 0x04034b50);
	buf_add_u16(z, 20);
	zip_common(z, f, fault, true);
	if (fault == ZIP_NAME_DIFFERS)
		buf_addc(z, '!');
	buf_add(z, slice_from(slice_of(f->name), fault == ZIP_NAME_DIFFERS));
	buf_add(z, f->octets);
}

static inline void
zip_central(struct buf *z, const struct zip_file *f, uint32_t at, enum zip_fault fault)
{
	buf_add_u32(z, 0x02014b50);
	buf_add_u16(z, 20);
	buf_add_u16(z, 20);
	zip_common(z, f, fault, false);
	buf_add_u16(z, 0);	/* comment */
	buf_add_u16(z, 0);	/* disk */
	buf_add_u16(z, 0);
	buf_add_u32(z, 0);
	buf_add_u32(z, at);
	buf_adds(z, f->name);
}

/* Append a zip of n <= 16 stored files to the empty z. */
static inline void
zip_make(struct buf *z, const struct zip_file *files, size_t n, enum zip_fault fault)
{
	static const struct zip_file hidden = { "hidden.txt", { "x", 1 } };
	uint32_t at[16], directory;

	if (fault == ZIP_PREFIX)
		buf_adds(z, "prefix");
	for (size_t i = 0; i < n && i < 16; i++) {
		if (i == 1 && fault == ZIP_GAP)
			buf_adds(z, "gap");
		at[i] = (uint32_t)z->n;
		zip_local(z, &files[i], i + 1 == n ? fault : ZIP_GOOD);
	}
	if (fault == ZIP_HIDDEN)
		zip_local(z, &hidden, ZIP_GOOD);
	directory = (uint32_t)z->n;
	for (size_t i = 0; i < n && i < 16; i++)
		zip_central(z, &files[i], fault == ZIP_OVERLAP ? at[0] : at[i],
		    i + 1 == n ? fault : ZIP_GOOD);
	if (fault == ZIP_CUT)
		return;
	uint32_t octets = (uint32_t)z->n - directory;

	buf_add_u32(z, 0x06054b50);
	buf_add_u32(z, 0);
	buf_add_u16(z, (uint16_t)n);
	buf_add_u16(z, (uint16_t)n);
	buf_add_u32(z, octets);
	buf_add_u32(z, directory);
	buf_add_u16(z, 0);
	if (fault == ZIP_SUFFIX)
		buf_adds(z, "suffix");
}

#define ZIP_FILE(name, lit)	{ name, { lit, sizeof(lit) - 1 } }

/* The entry that makes a zip a word-processor document. */
#define ZIP_DOCX_TYPES	ZIP_FILE("[Content_Types].xml", \
	"<Types><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd." \
	"openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>")

#endif
