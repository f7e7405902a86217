/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "mailstore/usage.h"

static json_t *
number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *
segment_json(struct ctl *ctl, const struct usage_segment *s)
{
	json_t *o = json_pack("{s:I, s:s, s:b, s:I, s:I}", "segment", (json_int_t)s->number,
	    "state", usage_state(s), "there", (int)s->there,
	    "file-octets", (json_int_t)s->file_octets,
	    "disk-octets", (json_int_t)s->disk_octets);

	if (o == NULL || !s->counted)
		return o;
	json_object_set_new(o, "total-octets", number(s->row.total_octets));
	json_object_set_new(o, "live-octets", number(s->row.live_octets));
	json_object_set_new(o, "live-bodies", number(s->row.live_frames));
	json_object_set_new(o, "begun", json_string(ctl_time(ctl, (uint64_t)s->row.born_s)));
	return o;
}

/* What is shown, in the order of struct usage. */
struct figure {
	const char *name, *text;
	uint64_t    v;
};

static void
show_json(struct ctl *ctl, const struct usage *u, const struct figure *f, size_t n)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, f[i].name, number(f[i].v));
	for (size_t i = 0; i < u->segments_n; i++)
		json_array_append_new(list, segment_json(ctl, &u->segments[i]));
	json_object_set_new(o, "segments", list);
	ctl_print_json(o);
}

static void
show_text(struct ctl *ctl, const struct usage *u, const struct figure *f, size_t n, bool segments)
{
	for (size_t i = 0; i < n; i++)
		printf("%-22s%20" PRIu64 "  %s\n", f[i].name, f[i].v, f[i].text);
	if (!segments)
		return;
	printf("\n%-8s  %-9s  %14s  %14s  %9s  %s\n", "segment", "state", "octets", "live",
	    "bodies", "begun");
	for (size_t i = 0; i < u->segments_n; i++) {
		const struct usage_segment *s = &u->segments[i];

		printf("%08x  %-9s  %14" PRIu64 "  ", s->number, usage_state(s), s->disk_octets);
		if (s->counted)
			printf("%14" PRIu64 "  %9u  %s\n", s->row.live_octets,
			    s->row.live_frames, ctl_time(ctl, (uint64_t)s->row.born_s));
		else
			printf("%14s  %9s\n", "-", "-");
	}
}

static void
show(struct ctl *ctl, const struct usage *u, bool segments)
{
	const struct figure f[] = {
		{ "accounts", "with a mailbox", u->accounts },
		{ "messages", "in mailboxes", u->messages },
		{ "octets", "of them, as quotas count", u->octets },
		{ "restorable-messages", "expunged, and still there", u->restorable_messages },
		{ "restorable-octets", "of them", u->restorable_octets },
		{ "live-octets", "of bodies on disk, restorable ones too", u->live_octets },
		{ "dead-octets", "to be given back", u->dead_octets },
		{ "uncounted-octets", "in segments that mail is written to", u->uncounted_octets },
		{ "disk-octets", "that all segments take", u->disk_octets },
		{ "waiting", "bodies and files to be dropped soon", u->waiting },
		{ "index-used-octets", "of the index, free pages inside too",
		    u->index_used_octets },
		{ "index-size-octets", "that it may have", u->index_size_octets },
		{ "free-octets", "of the disk", u->free_octets },
	};

	if (ctl->json)
		show_json(ctl, u, f, ARRAY_LEN(f));
	else
		show_text(ctl, u, f, ARRAY_LEN(f), segments);
}

int
ctl_store_stat(struct ctl *ctl, int argc, char **argv)
{
	const char *state_dir = ctl->conf->general.state_dir;
	bool segments = argc == 2 && strcmp(argv[1], "--segments") == 0;
	struct usage u;
	int r;

	if (argc > 1 && !segments)
		return ctl_usage(ctl);
	r = usage_look(state_dir, ctl->conf->store.map_octets, &ctl->arena, &u);
	if (r != OK)
		return ctl_fail("%s/store: %s", state_dir,
		    r == ERR_NOENT ? "there is no store" : err_text(r));
	show(ctl, &u, segments);
	return CTL_OK;
}
