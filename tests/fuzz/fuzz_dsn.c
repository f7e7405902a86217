/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A notice about anything: values part at 0xff. Its lines end as lines must, it has its three
 * parts, one To, one recipient's group, and gives back the header and nothing of the body. */
#include <stdlib.h>
#include <string.h>

#include "mime/header.h"
#include "mime/tree.h"
#include "smtpd/dsn.h"
#include "smtpd/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct slice
take(struct slice *in)
{
	struct slice head;

	slice_cut(in, (char)0xff, &head);
	return head;
}

static void
check_lines(struct slice s, bool utf8_to)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c == '\n') != (i > 0 && s.p[i - 1] == '\r') || (c >= 0x80 && !utf8_to) ||
		    (c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			abort();
	}
}

static unsigned
count(struct slice s, struct slice what)
{
	unsigned times = 0;
	ptrdiff_t at;

	while ((at = slice_find(s, what)) >= 0) {
		times++;
		s = slice_from(s, (size_t)at + what.n);
	}
	return times;
}

static void
check_parts(const struct dsn *d, struct slice s)
{
	struct arena a;
	struct buf b;
	struct tree t;
	ptrdiff_t end = slice_find(d->original, SLICE("\r\n\r\n"));

	arena_init(&a, 256 * 1024 * 1024);
	buf_init(&b, 1 << 22);
	if (tree_parse(s, &a, &t) != OK || !tree_is(&t, 0, "multipart", "report") ||
	    !tree_is(&t, 1, "text", "plain") || !tree_is(&t, 2, "message", "delivery-status") ||
	    !tree_is(&t, 3, "text", "rfc822-headers") || t.count != 4)
		abort();
	if (tree_decode(&t, 2, &b, NULL) != OK || count(buf_slice(&b), SLICE("\nAction: ")) != 1 ||
	    count(buf_slice(&b), SLICE("\nFinal-Recipient: ")) != 1 ||
	    count(buf_slice(&b), SLICE("\nStatus: ")) != 1)
		abort();
	buf_clear(&b);
	if (tree_decode(&t, 3, &b, NULL) != OK)
		abort();
	if (end >= 0 && b.n > (size_t)end + 2)
		abort();
	buf_fini(&b);
	arena_clear(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = { (const char *)data, n };
	struct dsn_rcpt r = { .action = DSN_FAILED };
	struct dsn d = { .hostname = SLICE("mx.example"), .domain = SLICE("example"), .rcpts = &r,
		.rcpts_n = 1 };
	struct buf out, b;
	struct header_field f;

	if (n < 1)
		return 0;
	r.action = (enum dsn_action)(data[0] % DSN_ACTIONS);
	r.remote = data[0] >= 128;
	in = slice_from(in, 1);
	d.to = take(&in);
	r.address = take(&in);
	r.text = take(&in);
	r.orcpt = take(&in);
	d.envid = take(&in);
	d.next_hop = slice_sub(take(&in), 0, 300);
	d.contact_vi = take(&in);
	d.contact_en = take(&in);
	d.now_s = (int64_t)n * 1000003;
	d.until_s = d.arrived_s = -d.now_s;
	d.original = in;
	memset(d.id, data[0], sizeof d.id);
	buf_init(&b, 4096);
	if (xtext_is_plain(d.envid) && d.envid.n < 4096 && xtext_decode(d.envid, &b) != OK)
		abort();
	buf_fini(&b);
	buf_init(&out, 1 << 22);
	if (dsn_compose(&d, &out) == OK) {
		bool utf8_to = false;

		for (size_t i = 0; i < d.to.n; i++)
			utf8_to = utf8_to || (unsigned char)d.to.p[i] >= 0x80;
		check_lines(buf_slice(&out), utf8_to);
		if (header_count(buf_slice(&out), SLICE("To")) != 1 ||
		    header_find(buf_slice(&out), SLICE("Auto-Submitted"), &f) != 1)
			abort();
		check_parts(&d, buf_slice(&out));
	}
	buf_fini(&out);
	return 0;
}
