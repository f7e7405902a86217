/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/mapi.h: properties of messages and attachments, as TNEF and .msg carry them.
 *
 * Shape   each value goes where it belongs: texts to lines ("name: text" when the property has a
 *         name), subjects to titles, bodies in HTML and compressed RTF, contents of attachments
 *         and objects to files. Other binary values are passed over while they are small and
 *         nothing that a program opens: identifiers, keys, times.
 * Source  [MS-OXPROPS], [MS-OXCDATA] 2.11.1 (types), [MS-OXCMSG]
 */
#ifndef POLICY_EXTRACT_MAPI_H
#define POLICY_EXTRACT_MAPI_H

#include "common/buf.h"
#include "mime/charset.h"
#include "policy/extract/hand.h"

enum mapi_type {
	MAPI_I2 = 2, MAPI_I4 = 3, MAPI_R4 = 4, MAPI_R8 = 5, MAPI_CURRENCY = 6, MAPI_APPTIME = 7,
	MAPI_ERROR = 10, MAPI_BOOLEAN = 11, MAPI_OBJECT = 13, MAPI_I8 = 20, MAPI_STRING8 = 30,
	MAPI_UNICODE = 31, MAPI_TIME = 64, MAPI_GUID = 72, MAPI_BINARY = 258,
	MAPI_MANY = 0x1000	/* with one of these: several values */
};

enum mapi_id {
	MAPI_ATTACH_DATA = 0x3701,
};

struct mapi {
	struct hand *hand;
	enum charset charset;	/* of MAPI_STRING8 */
	uint32_t     number;	/* of the attachment at hand; 0: the message */
	struct buf   text;	/* scratch */
};

/* For code page 0 (unknown) and others that have no table here: windows-1252. */
enum charset mapi_charset(uint32_t page);

void mapi_init(struct mapi *m, struct hand *h);
void mapi_fini(struct mapi *m);

/* One value of the type without MAPI_MANY. name: UTF-8, of a named property, or empty. */
void mapi_value(struct mapi *m, unsigned type, unsigned id, struct slice name, struct slice value);

#endif
