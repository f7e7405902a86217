/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_explain.h"

#include <string.h>

#include "control/import.h"

enum { MESSAGE_MAX_OCTETS = 1 << 30, JSON_MAX_OCTETS = 1 << 24, NAMES_OCTETS = 64 << 20,
	RULES_MAX = 256 };

/* One mailbox under explanation. */
struct walk {
	const struct ctl	  *ctl;
	const struct explain_line *line;
	struct judge_env	   env;
	struct import_source	  *source;
	struct slice		   mailbox;
	json_t			  *rules;	/* name -> how many messages */
	uint64_t		   failed;
};

static const char maildir[] = "maildir:", mbox[] = "mbox:";

bool
explain_is_mailbox(const char *file)
{
	return strncmp(file, maildir, strlen(maildir)) == 0 ||
	    strncmp(file, mbox, strlen(mbox)) == 0;
}

/* Every message is taken. */
static bool
is_known(void *arg, struct slice id)
{
	(void)arg;
	(void)id;
	return false;
}

static int
open_source(const char *file, struct import_source **out)
{
	return strncmp(file, mbox, strlen(mbox)) == 0 ? import_mbox_new(file + strlen(mbox), out) :
	    import_maildir_new(file + strlen(maildir), out);
}

static const char *
member(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text == NULL ? "" : text;
}

static void
count(struct walk *w, const char *rule)
{
	json_int_t n = json_integer_value(json_object_get(w->rules, rule));

	if (n > 0 || json_object_size(w->rules) < RULES_MAX)
		json_object_set_new(w->rules, rule, json_integer(n + 1));
}

static void
show(struct walk *w, const struct import_message *m, struct slice json)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	count(w, member(o, "rule"));
	if (w->ctl->json) {
		json_object_set_new(o, "mailbox", ctl_json(w->mailbox));
		json_object_set_new(o, "message", ctl_json(m->id));
		ctl_print_json(o);
		return;
	}
	ctl_say("%.*s  %.*s  %s  %s  %s  %s", (int)w->mailbox.n, w->mailbox.p, (int)m->id.n,
	    m->id.p, member(o, "verdict"), member(o, "rule"), member(o, "level"),
	    member(o, "signature"));
	json_decref(o);
}

static void
one_message(struct walk *w, const struct import_message *m)
{
	struct explain_options options = w->line->options;
	struct buf json;
	int r = ERR_SYNTAX;

	options.level_min = m->level;
	buf_init(&json, JSON_MAX_OCTETS);
	if (w->line->at_arrival)
		w->env.smime.now_s = m->date_s;
	if (m->refused == NULL)
		r = explain_message(m->octets, &options, &w->env, &json);
	if (r == OK) {
		show(w, m, buf_slice(&json));
	} else {
		w->failed++;
		ctl_fail("%.*s: %.*s: %s", (int)w->mailbox.n, w->mailbox.p, (int)m->id.n, m->id.p,
		    m->refused != NULL ? m->refused : err_text(r));
	}
	buf_fini(&json);
}

static int
one_folder(struct walk *w, const struct import_folder *f)
{
	struct import_message m;
	uint64_t n;
	int r = w->source->ops->open(w->source, f, &n);

	w->mailbox = f->name;
	if (r != OK)
		return r;
	while ((r = w->source->ops->next(w->source, &m)) == 1)
		one_message(w, &m);
	w->source->ops->close(w->source);
	return r;
}

static int
all_folders(struct walk *w)
{
	struct import_folder *list;
	struct arena a;
	size_t n;
	int r;

	arena_init(&a, NAMES_OCTETS);
	r = w->source->ops->folders(w->source, &a, &list, &n);
	for (size_t i = 0; r == OK && i < n; i++)
		r = one_folder(w, &list[i]);
	arena_clear(&a);
	return r;
}

static void
print_sum(const struct walk *w)
{
	const char *rule;
	json_t *n;

	if (json_object_size(w->rules) == 0)
		ctl_say("no message");
	json_object_foreach(w->rules, rule, n)
		ctl_say("%8" JSON_INTEGER_FORMAT "  %s", json_integer_value(n), rule);
}

int
explain_mailbox(const struct ctl *ctl, const struct explain_line *line, const struct judge_env *env)
{
	struct walk w = { .ctl = ctl, .line = line, .env = *env, .rules = json_object() };
	int r = w.rules == NULL ? ERR_NOMEM : open_source(line->file, &w.source);

	if (r == OK) {
		w.source->message_octets = MESSAGE_MAX_OCTETS;
		w.source->known = is_known;
		r = all_folders(&w);
		if (r != OK)
			ctl_fail("%s: %s", line->file, *w.source->why != '\0' ? w.source->why :
			    err_text(r));
		w.source->ops->free(w.source);
	} else {
		ctl_fail("%s: %s", line->file, err_text(r));
	}
	if (r == OK && !ctl->json)
		print_sum(&w);
	json_decref(w.rules);
	return r != OK ? CTL_USAGE : w.failed > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}
