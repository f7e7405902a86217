/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/signeddoc.h"

#include "policy/note.h"

static bool
holds(struct slice s, const char *what)
{
	return slice_find(s, slice_of(what)) >= 0;
}

unsigned
signeddoc_note(struct slice octets, enum sniff kind)
{
	switch (kind) {
	case SNIFF_PDF:		/* the dictionary is never compressed: its range is of octets */
		return holds(octets, "/ByteRange") && holds(octets, "/SubFilter") ?
		    NOTE_PDF_SIGNATURE : NOTE_COUNT;
	case SNIFF_ZIP:		/* names of entries stand as they are */
		return holds(octets, "_xmlsignatures/") ||
		    holds(octets, "META-INF/documentsignatures.xml") ? NOTE_OFFICE_SIGNATURE :
		    NOTE_COUNT;
	case SNIFF_XML:
	case SNIFF_TEXT:
		return holds(octets, "http://www.w3.org/2000/09/xmldsig#") &&
		    holds(octets, "SignatureValue") ? NOTE_XML_SIGNATURE : NOTE_COUNT;
	case SNIFF_COMPOUND:	/* a storage's name, in UTF-16 */
		return slice_find(octets, SLICE("_\0s\0i\0g\0n\0a\0t\0u\0r\0e\0s\0")) >= 0 ||
		    slice_find(octets, SLICE("_\0x\0m\0l\0s\0i\0g\0n\0a\0t\0u\0r\0e\0s\0")) >= 0 ?
		    NOTE_OFFICE_SIGNATURE : NOTE_COUNT;
	default:
		return NOTE_COUNT;
	}
}
