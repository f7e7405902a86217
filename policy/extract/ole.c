/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ole.h"

#include "policy/extract/cfb.h"

enum {
	OLE1_LINKED = 1, OLE1_EMBEDDED = 2,
	CLIPBOARD_TEXT_MAX = 256,
	PRESENTATION_HEAD = 24, TARGET_MIN = 4,
};

static struct slice
take(struct slice *s, size_t n)
{
	struct slice head = slice_sub(*s, 0, n);

	*s = slice_from(*s, n);
	return head;
}

/* Up to a NUL, which goes too. */
static struct slice
take_string(struct slice *s)
{
	struct slice head;

	slice_cut(s, '\0', &head);
	return head;
}

static struct slice
file_name(struct slice path)
{
	struct slice name = path;

	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '\\' || path.p[i] == '/')
			name = slice_from(path, i + 1);
	return name;
}

/* package = 2 u16, label, path, 0 u16, 3 u16, octets u32, path, octets u32, the file */
static bool
package(struct slice s, struct hand *h)
{
	struct slice label, path, data;
	uint32_t n, number;

	if (cfb_u16(s, 0) != 2 || s.n < 16)
		return false;
	(void)take(&s, 2);
	label = take_string(&s);
	path = take_string(&s);
	if (cfb_u16(s, 2) != 3)
		return false;
	(void)take(&s, 4);
	n = cfb_u32(s, 0);
	(void)take(&s, 4);
	(void)take(&s, n);
	n = cfb_u32(s, 0);
	(void)take(&s, 4);
	data = take(&s, n);
	if (data.n < n)
		return false;
	number = hand_number(h);
	hand_name(h, number, label);
	hand_name(h, number, file_name(path));
	hand_file(h, number, data);
	return true;
}

static void
native(struct slice data, struct hand *h)
{
	if (!package(data, h))
		hand_file(h, hand_number(h), data);
}

void
ole_native(struct slice stream, struct hand *h)
{
	native(slice_from(stream, 4), h);
}

void
ole_picture(struct slice s, struct hand *h)
{
	uint32_t marker = cfb_u32(take(&s, 4), 0), target;

	if (marker == 0)	/* none */
		return;
	if (marker == 0xFFFFFFFF || marker == 0xFFFFFFFE)
		(void)take(&s, 4);
	else if (marker <= CLIPBOARD_TEXT_MAX)
		(void)take(&s, marker);
	target = cfb_u32(take(&s, 4), 0);
	if (target > TARGET_MIN)
		(void)take(&s, target - TARGET_MIN);
	(void)take(&s, PRESENTATION_HEAD);
	hand_file(h, hand_number(h), slice_sub(slice_from(s, 4), 0, cfb_u32(s, 0)));
}

/* version u32, format u32, class, topic, item (u32 and octets each), octets u32, data */
void
ole_object(struct slice s, struct hand *h)
{
	uint32_t format = cfb_u32(slice_from(s, 4), 0), n;

	(void)take(&s, 8);
	if (format == OLE1_LINKED)	/* elsewhere */
		return;
	for (int i = 0; i < 3; i++) {
		n = cfb_u32(take(&s, 4), 0);
		(void)take(&s, n);
	}
	n = cfb_u32(take(&s, 4), 0);
	if (format != OLE1_EMBEDDED || n > s.n)
		hand_opaque(h, 0, EXTRACT_WHY_BROKEN);
	else
		native(take(&s, n), h);
}
