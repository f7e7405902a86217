/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/import.h: where messages come from: a table of functions for each kind of source.
 *
 * Shape   a source lists its folders; one is opened, its messages are taken one by one, it is closed.
 *         Before the octets of a message are fetched the source asks known(): what an earlier run
 *         has brought in is passed over. What cannot be taken comes with a reason and no octets.
 * Safety  everything of a source is hostile: names, sizes, numbers, texts. No link is followed.
 * Bounds  one message of at most message_octets; IMPORT_FOLDERS_MAX folders, names of ST_NAME_MAX.
 */
#ifndef CONTROL_IMPORT_H
#define CONTROL_IMPORT_H

#include "common/arena.h"
#include "common/buf.h"
#include "mailstore/proto.h"

enum { IMPORT_FOLDERS_MAX = 10000, IMPORT_DEPTH_MAX = 32, IMPORT_WHY_OCTETS = 400 };

/* With the place: a folder that is left out must not go unsaid. */
#define IMPORT_TOO_DEEP	"folders in more than 32 folders; import from within them: %.*s"

struct import_folder {
	struct slice name;	/* UTF-8, levels by "/" */
	struct slice source;	/* as the source calls it */
	uint8_t	     special_use;	/* ST_USE_*, as the source says it */
	uint64_t     messages;	/* 0: not known before it is open */
};

struct import_message {
	struct slice  octets;	/* valid until the next one is asked for */
	struct slice  id;	/* within its folder; also for reports */
	int64_t	      date_s;
	unsigned      flags;	/* ST_SEEN ... ST_DRAFT */
	const struct slice *keywords;
	size_t	      keywords_n;
	unsigned      level;	/* an export said so: at least that */
	const char   *refused;	/* why it cannot be taken; NULL: it can */
};

struct import_source;

struct import_ops {
	const char *kind;	/* "maildir" */
	int  (*folders)(struct import_source *s, struct arena *a, struct import_folder **list_out,
	    size_t *n_out);
	int  (*open)(struct import_source *s, const struct import_folder *f, uint64_t *messages_out);
	int  (*next)(struct import_source *s, struct import_message *out);	/* 1, 0, or an error */
	void (*close)(struct import_source *s);	/* the folder */
	void (*free)(struct import_source *s);
};

struct import_source {
	const struct import_ops *ops;
	uint64_t message_octets;
	bool   (*known)(void *arg, struct slice id);
	void	*arg;
	uint64_t known_n;	/* passed over, of the folder that is open */
	unsigned zone;		/* ZONE_*: where it is */
	struct slice place;	/* what tells this source from another */
	char	 why[IMPORT_WHY_OCTETS];	/* of the last error, for people */
};

/* PATH of a folder (Maildir, Maildir++, or folders in folders). */
int import_maildir_new(const char *path, struct import_source **out) MUST_USE;
/* A file, or a folder of "*.mbox". */
int import_mbox_new(const char *path, struct import_source **out) MUST_USE;

/* ---- shared by the sources ---- */

/* Note why, and give err back. */
int import_fail(struct import_source *s, int err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;

/* Folders that a source finds, in the arena. */
struct import_folders {
	struct arena *a;
	struct import_folder *v;
	size_t	      n, cap;
};

/* One more, to be filled in. ERR_LIMIT: more than IMPORT_FOLDERS_MAX; ERR_NOMEM. */
int import_folders_add(struct import_source *s, struct import_folders *l,
    struct import_folder **out) MUST_USE;
/* By what the source calls them, so that each run finds them in the same order. */
void import_folders_sort(struct import_folders *l);

/* A file for reading, or -1 and errno: what is a link (also on the way to it, below at), a pipe, a
 * socket or a device is none (ELOOP, EINVAL), and nothing of that is waited for. */
int import_open_file(int at, const char *path) MUST_USE;

/* "\Sent" and the like as ST_USE_*, else ST_USE_NONE. */
uint8_t import_special_use(struct slice attribute);

/* Make what is appended to out have CRLF only where lines end: LF alone gets its CR. */
void import_add_crlf(struct slice message, struct buf *out);

/* Why octets cannot be a message, or NULL. */
const char *import_refuses(struct slice octets);

/* A list of keywords that grows to ST_KEYWORDS_MAX; what cannot be one is left out. */
struct import_keywords {
	struct slice v[ST_KEYWORDS_MAX];
	size_t	     n;
};

void import_keyword(struct import_keywords *k, struct slice name);

/* "\Seen" as ST_SEEN and so on; 0: no system flag. */
unsigned import_flag(struct slice name);

#endif
