/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/thread.h"

#include <sodium.h>
#include <string.h>

#include "mailstore/record.h"
#include "mime/summary.h"

/* The first message id of a list, with its brackets. */
static struct slice
first_id(struct slice list)
{
	size_t begin = 0, end;

	while (begin < list.n && list.p[begin] != '<')
		begin++;
	end = begin;
	while (end < list.n && list.p[end] != '>')
		end++;
	return end < list.n && end > begin + 1 ? slice_sub(list, begin, end + 1 - begin) :
	    (struct slice){ NULL, 0 };
}

void
thread_of(struct slice summary, const uint8_t *email_id, uint8_t out[THREAD_OCTETS])
{
	static const enum summary_text where[] = { SUMMARY_REFERENCES, SUMMARY_IN_REPLY_TO,
		SUMMARY_MESSAGE_ID };
	unsigned char hash[crypto_generichash_BYTES_MIN];
	struct slice id = { NULL, 0 };
	struct summary s;

	record_thread_own(email_id, out);
	if (summary_open(summary, &s) != OK)
		return;
	for (size_t i = 0; i < ARRAY_LEN(where) && id.n == 0; i++)
		id = first_id(summary_text(&s, where[i]));
	if (id.n == 0)
		return;
	crypto_generichash(hash, sizeof hash, (const unsigned char *)id.p, id.n, NULL, 0);
	memcpy(out, hash, THREAD_OCTETS);
}
