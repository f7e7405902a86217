/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

static const struct {
	enum log_severity severity;
	const char *name, *text;
} events[] = {
#define EVENT_ROW(id, severity, name, text) { LOG_SEV_##severity, name, text },
#include "common/event.def"
#undef EVENT_ROW
};

static const char *const severities[] = { "debug", "info", "notice", "warning", "error", "alert" };

/* What a message says or is called, and what opens an account, is nobody's business. */
static const char *const withheld[] = { "subject", "body", "text", "password", "pass", "passwd",
    "secret", "filename", "file-name", "token" };

static struct {
	char		   prog[32];
	enum log_severity  min;
	log_capture_fn	   capture;
	void		  *capture_arg;
	atomic_uint_least64_t lost;	/* lines, since the last one written */
} self = { .prog = "congvu", .min = LOG_SEV_INFO };

/* A line under construction; what does not fit is left out. */
struct line {
	char   p[LOG_LINE_OCTETS];
	size_t n;
};

static void
put(struct line *l, struct slice s)
{
	size_t room = sizeof l->p - 1 - l->n;	/* one octet is kept for the line end */

	if (s.n <= room && s.n > 0) {
		memcpy(l->p + l->n, s.p, s.n);
		l->n += s.n;
	}
}

static void PRINTF_LIKE(2, 3)
putf(struct line *l, const char *fmt, ...)
{
	char some[96];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(some, sizeof some, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof some)
		put(l, (struct slice){ some, (size_t)n });
}

/* Octets of the UTF-8 character at the start of s and its number, or 0 when it is not one
 * (RFC 3629: no overlong form, no surrogate, at most U+10FFFF). */
static size_t
utf8_char(struct slice s, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	uint32_t v = n == 1 ? c : (uint32_t)(c & (0x7f >> n));

	if (n == 0 || c > 0xf4 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		c = (unsigned char)s.p[i];
		if ((c & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (c & 0x3f);
	}
	if (v < least[n] || (v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff)
		return 0;
	*out = v;
	return n;
}

/* Characters that change how a line looks without being seen: controls, bidirectional marks,
 * zero-width and other invisible ones, line separators, tags, private use. */
static bool
is_hidden(uint32_t c)
{
	static const struct { uint32_t from, to; } hidden[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x034f, 0x034f },
		{ 0x061c, 0x061c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (c >= hidden[i].from && c <= hidden[i].to)
			return true;
	return false;
}

/* One character of s in shown form into some; returns the octets of s used. */
static size_t
show_char(struct slice s, char some[4 * 4 + 1])
{
	uint32_t c = 0;
	size_t n = utf8_char(s, &c);

	if (n > 0 && (c == '"' || c == '\\')) {
		some[0] = '\\', some[1] = (char)c, some[2] = '\0';
		return 1;
	}
	if (n > 0 && !is_hidden(c)) {
		memcpy(some, s.p, n);
		some[n] = '\0';
		return n;
	}
	if (n == 0)
		n = 1;
	for (size_t i = 0; i < n; i++)
		snprintf(some + 4 * i, 5, "\\x%02x", (unsigned char)s.p[i]);
	return n;
}

static void
put_value(struct line *l, struct slice s)
{
	size_t room = LOG_VALUE_OCTETS - 5;	/* the quotes and the mark of a cut */
	char some[4 * 4 + 1];

	putf(l, "\"");
	while (s.n > 0) {
		size_t used = show_char(s, some), n = strlen(some);

		if (n > room) {
			putf(l, "...");
			break;
		}
		put(l, (struct slice){ some, n });
		room -= n;
		s = slice_from(s, used);
	}
	putf(l, "\"");
}

static bool
key_is_good(const char *key)
{
	size_t n = key == NULL ? 0 : strlen(key);

	if (n == 0 || n > 32)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_digit(key[i]) && !(key[i] >= 'a' && key[i] <= 'z') &&
		    key[i] != '-' && key[i] != '_')
			return false;
	for (size_t i = 0; i < ARRAY_LEN(withheld); i++)
		if (strcmp(key, withheld[i]) == 0)
			return false;
	return true;
}

static void
put_field(struct line *l, const struct log_field *f)
{
	size_t start = l->n;

	/* A field goes in whole or not at all: half a value could be read as another one. */
	if (sizeof l->p - l->n < LOG_VALUE_OCTETS + 64)
		return;
	if (!key_is_good(f->key)) {
		putf(l, " withheld=1");
		return;
	}
	putf(l, " %s=", f->key);
	switch (f->type) {
	case LOG_FIELD_STR:
		put_value(l, f->str);
		break;
	case LOG_FIELD_U64:
		putf(l, "%llu", (unsigned long long)f->u64);
		break;
	case LOG_FIELD_I64:
		putf(l, "%lld", (long long)f->i64);
		break;
	case LOG_FIELD_ERR:
		if (f->i64 == OK)
			l->n = start;
		else
			put_value(l, slice_of(err_text((int)f->i64)));
		break;
	case LOG_FIELD_END:
		break;
	}
}

static void
put_head(struct line *l, enum log_event_id event)
{
	int64_t ms = clock_real_ms();
	struct clock_utc t;

	clock_utc(ms / 1000, &t);
	putf(l, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.year, t.month, t.day, t.hour, t.minute,
	    t.second, (int)(ms % 1000));
	putf(l, " prog=%s pid=%ld", self.prog, (long)getpid());
	putf(l, " sev=%s ev=%s", severities[events[event].severity], events[event].name);
}

/* A line that cannot be written whole and at once is lost: a full pipe must not stop the mail. */
static void
emit(struct line *l, uint64_t lost)
{
	ssize_t n;

	l->p[l->n++] = '\n';
	do
		n = write(STDERR_FILENO, l->p, l->n);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)l->n)
		atomic_fetch_add(&self.lost, lost + 1);
}

void
log_event_fields(enum log_event_id event, const struct log_field *fields)
{
	int saved_errno = errno;
	struct line l;
	uint64_t lost;

	if ((unsigned)event >= LOG_EVENT_COUNT)
		event = EV_INTERNAL_ERROR;
	if (self.capture == NULL && events[event].severity < self.min)
		return;
	l.n = 0;
	put_head(&l, event);
	for (; fields->type != LOG_FIELD_END; fields++)
		put_field(&l, fields);
	if (self.capture != NULL) {
		self.capture(self.capture_arg, event, (struct slice){ l.p, l.n });
	} else {
		lost = atomic_exchange(&self.lost, 0);
		if (lost > 0)
			putf(&l, " lost=%llu", (unsigned long long)lost);
		emit(&l, lost);
	}
	errno = saved_errno;
}

void
log_init(const char *prog)
{
	size_t n = 0;

	/* It is written unquoted: letters, digits and '-' only. */
	for (; *prog != '\0' && n + 1 < sizeof self.prog; prog++)
		self.prog[n++] = ascii_is_alnum(*prog) || *prog == '-' ? *prog : '_';
	self.prog[n] = '\0';
}

void
log_set_severity(enum log_severity min)
{
	self.min = min;
}

int
log_severity_value(struct slice name, enum log_severity *out)
{
	for (size_t i = 0; i < ARRAY_LEN(severities); i++)
		if (slice_is(name, severities[i])) {
			*out = (enum log_severity)i;
			return OK;
		}
	return ERR_NOENT;
}

const char *
log_event_name(enum log_event_id event)
{
	return (unsigned)event < LOG_EVENT_COUNT ? events[event].name : "?";
}

const char *
log_event_text(enum log_event_id event)
{
	return (unsigned)event < LOG_EVENT_COUNT ? events[event].text : "?";
}

enum log_severity
log_event_severity(enum log_event_id event)
{
	return (unsigned)event < LOG_EVENT_COUNT ? events[event].severity : LOG_SEV_ERROR;
}

void
log_test_capture(log_capture_fn fn, void *arg)
{
	self.capture = fn;
	self.capture_arg = arg;
}
