/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/utf8.h"

enum { BAR = 20 };

void
progress_begin(struct progress *p, bool json, const char *word, uint64_t messages,
    uint64_t octets)
{
	*p = (struct progress){ .json = json, .tty = !json && isatty(STDERR_FILENO) == 1,
		.word = word, .whole = { 0, messages }, .total_octets = octets,
		.began_ms = clock_ms(), .shown_ms = clock_ms() };
}

void
progress_hide(struct progress *p)
{
	if (p->open)
		fputs("\r\033[K", stderr);
	p->open = false;
}

/* What a terminal would take for more than text does not get there. */
void
progress_folder(struct progress *p, struct slice name, uint64_t messages)
{
	struct slice shown = utf8_is_safe(name) ? utf8_prefix(name, sizeof p->name - 1) :
	    SLICE("?");

	snprintf(p->name, sizeof p->name, "%.*s", (int)shown.n, shown.p);
	p->folder = (struct progress_part){ 0, messages };
}

static double
seconds(const struct progress *p)
{
	uint64_t ms = clock_ms() - p->began_ms;

	return ms == 0 ? 0.001 : (double)ms / 1000;
}

static void
bar(const struct progress_part *part, char out[BAR + 1])
{
	uint64_t done = part->done < part->total ? part->done : part->total;
	size_t full = part->total == 0 ? 0 : (size_t)(done * BAR / part->total);

	memset(out, '.', BAR);
	memset(out, '#', full);
	out[BAR] = '\0';
}

/* "1:02:03", or "?" when it cannot be told. */
static void
left(const struct progress *p, char out[24])
{
	uint64_t s;

	if (p->whole.done == 0 || p->whole.total <= p->whole.done) {
		snprintf(out, 24, "%s", p->whole.total == 0 ? "?" : "0:00");
		return;
	}
	s = (uint64_t)(seconds(p) * (double)(p->whole.total - p->whole.done) /
	    (double)p->whole.done);
	if (s >= 3600)
		snprintf(out, 24, "%llu:%02llu:%02llu", (unsigned long long)(s / 3600),
		    (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
	else
		snprintf(out, 24, "%llu:%02llu", (unsigned long long)(s / 60),
		    (unsigned long long)(s % 60));
}

static void
show_tty(struct progress *p)
{
	char whole[BAR + 1], folder[BAR + 1], eta[24];

	bar(&p->whole, whole);
	bar(&p->folder, folder);
	left(p, eta);
	fprintf(stderr, "\r[%s] %llu/%llu %.0f/s %.1f MB/s ETA %s | [%s] %llu/%llu %s\033[K",
	    whole, (unsigned long long)p->whole.done, (unsigned long long)p->whole.total,
	    (double)p->whole.done / seconds(p), (double)p->octets / 1e6 / seconds(p), eta, folder,
	    (unsigned long long)p->folder.done, (unsigned long long)p->folder.total, p->name);
	p->open = true;
}

static void
show(struct progress *p)
{
	char eta[24];

	p->shown_ms = clock_ms();
	if (p->tty) {
		show_tty(p);
	} else if (p->json) {
		ctl_print_json(json_pack("{s:s,s:I,s:I,s:I,s:s,s:I,s:I}", "event", "progress",
		    "done", (json_int_t)p->whole.done, "of", (json_int_t)p->whole.total, "octets",
		    (json_int_t)p->octets, "folder", p->name, "folder-done",
		    (json_int_t)p->folder.done, "folder-of", (json_int_t)p->folder.total));
		fflush(stdout);
	} else {
		left(p, eta);
		fprintf(stderr, "%s %llu of %llu messages, %llu octets, %.0f/s, %s left; %s %llu of "
		    "%llu\n", p->word, (unsigned long long)p->whole.done,
		    (unsigned long long)p->whole.total, (unsigned long long)p->octets,
		    (double)p->whole.done / seconds(p), eta, p->name,
		    (unsigned long long)p->folder.done, (unsigned long long)p->folder.total);
	}
}

void
progress_step(struct progress *p, uint64_t octets)
{
	uint64_t every = p->tty ? PROGRESS_TTY_MS : p->json ? PROGRESS_JSON_MS : PROGRESS_PLAIN_MS;

	p->whole.done++;
	p->folder.done++;
	p->octets += octets;
	if (clock_ms() - p->shown_ms >= every)
		show(p);
}

void
progress_end(struct progress *p)
{
	progress_hide(p);
	if (!p->json)
		fprintf(stderr, "%s %llu messages, %llu octets in %.1f s\n", p->word,
		    (unsigned long long)p->whole.done, (unsigned long long)p->octets, seconds(p));
}
