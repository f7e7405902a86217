/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_backup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/pidfile.h"
#include "mailstore/proto.h"

enum { ASK_TIMEOUT_MS = 30000, RETRY_MS = 500, LOST_MS = 300000 };

int
ctl_backup_why(struct buf *why)
{
	struct slice rest = buf_slice(why), line;
	bool more;

	if (why->n == 0)
		return ctl_fail("failed");
	do {
		more = slice_cut(&rest, '\n', &line);
		if (line.n > 0)
			ctl_fail("%.*s", (int)line.n, line.p);
	} while (more);
	return CTL_USAGE;
}

/* ---- times ---- */

/* "Z", "+07:00" or "+0700" behind the seconds. */
static int
take_zone(const char *s, int64_t *east_s)
{
	unsigned digits[4], n = 0;

	*east_s = 0;
	if (strcmp(s, "Z") == 0)
		return OK;
	if (*s != '+' && *s != '-')
		return ERR_SYNTAX;
	for (const char *p = s + 1; *p != '\0'; p++) {
		if (n == 2 && *p == ':')
			continue;
		if (n == 4 || !ascii_is_digit(*p))
			return ERR_SYNTAX;
		digits[n++] = (unsigned)(*p - '0');
	}
	if (n != 4)
		return ERR_SYNTAX;
	*east_s = (digits[0] * 10 + digits[1]) * 3600 + (digits[2] * 10 + digits[3]) * 60;
	if (*s == '-')
		*east_s = -*east_s;
	return OK;
}

int
ctl_backup_time(const char *text, uint64_t *out)
{
	char plain[BACKUP_TIME_OCTETS];
	size_t n = 0;
	int64_t east;
	int r;

	for (; n < BACKUP_TIME_OCTETS - 2 && *text != '\0'; text++)
		if (*text != '-' && *text != ':')
			plain[n++] = *text;
	r = take_zone(text, &east);
	if (r != OK || n != BACKUP_TIME_OCTETS - 2)
		return ERR_SYNTAX;
	plain[n++] = 'Z';
	plain[n] = '\0';
	if (!backup_time_get(plain, out) || (int64_t)*out < east)
		return ERR_SYNTAX;
	*out -= (uint64_t)east;
	return OK;
}

const char *
ctl_backup_name(struct ctl *ctl, uint64_t time_s)
{
	char name[BACKUP_TIME_OCTETS];
	const char *copy;

	backup_time_put(time_s, name);
	copy = arena_cstr(&ctl->arena, slice_of(name));
	return copy == NULL ? "" : copy;
}

/* ---- the hold ---- */

static int
call(struct ctl_hold *h, uint32_t lease_ms)
{
	struct st_hold_request req = { h->hold, lease_ms };
	const struct chan_row *row = NULL;
	const void *reply;
	struct arena a;
	char path[128];
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int fd, r = chan_path(h->ctl->conf->general.run_dir, "store", ROLE_CONTROL, path,
	    sizeof path);

	for (size_t i = 0; i < n; i++)
		if (rows[i].code == ST_HOLD)
			row = &rows[i];
	if (r == OK)
		r = chan_sync_connect(path, ASK_TIMEOUT_MS, &fd);
	if (r != OK)
		return r;
	arena_init(&a, 1 << 20);
	r = chan_sync_call(fd, row, &req, NULL, 0, ASK_TIMEOUT_MS, &a, &reply, NULL, NULL);
	if (r == OK)
		h->hold = ((const struct st_hold_reply *)reply)->hold;
	arena_clear(&a);
	close(fd);
	return r;
}

static bool
is_away(struct ctl_hold *h)
{
	pid_t pid;

	return pidfile_holder(h->ctl->conf->general.run_dir, "mailstored", &pid) == ERR_NOENT;
}

int
ctl_hold(void *arg)
{
	struct ctl_hold *h = arg;
	uint64_t now = clock_ms();
	int r;

	if (h->asked_ms != 0 && now - h->asked_ms <
	    (h->asked_ms == h->kept_ms ? (uint64_t)BACKUP_HOLD_MS : RETRY_MS))
		return OK;
	if (h->kept_ms == 0)
		h->kept_ms = now;
	h->asked_ms = now;
	r = call(h, BACKUP_LEASE_MS);
	if (r == ERR_NOENT) {	/* it was started anew: nothing has moved yet */
		h->hold = 0;
		r = call(h, BACKUP_LEASE_MS);
	}
	if (r == ERR_ACCESS || r == ERR_FORBIDDEN || r == ERR_LIMIT)
		return r;
	if (r == OK || is_away(h))
		h->kept_ms = now;
	if (r != OK)
		h->asked_ms++;	/* soon again */
	return now - h->kept_ms < LOST_MS ? OK : ERR_UNAVAIL;
}

void
ctl_hold_end(struct ctl_hold *h)
{
	if (h->hold != 0)
		(void)!call(h, 0);	/* or it ends by itself */
	h->hold = 0;
}
