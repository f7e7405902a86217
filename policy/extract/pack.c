/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include "common/buf.h"
#include "policy/extract/sniff.h"

enum { READ_OCTETS = 64 * 1024 };

struct pack {
	struct slice		     octets;
	const struct extract_limits *limits;
	extract_sink_fn		    *sink;
	void			    *arg;
	struct archive		    *archive;
	struct buf		     data;	/* the file at hand */
	uint64_t		     out;	/* octets handed out */
	uint32_t		     files;
	bool			     stream;	/* compressed, not an archive */
};

static int
give(struct pack *p, enum extract_piece_type type, uint32_t index, struct slice octets)
{
	struct extract_piece piece = { .type = type, .index = index, .octets = octets };

	return p->sink(p->arg, &piece);
}

static int
opaque(struct pack *p, uint32_t index, enum extract_why why)
{
	struct extract_piece piece = { .type = EXTRACT_OPAQUE, .why = why, .index = index };

	return p->sink(p->arg, &piece);
}

typedef int support_fn(struct archive *);

/* Not ARCHIVE_OK: it would run a program. */
static int
support(struct archive *a, support_fn *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i](a) != ARCHIVE_OK)
			return ERR_UNSUPPORTED;
	return OK;
}

/*
 * A compressed stream is one file, whatever that is in its turn: read as an archive at once it could
 * be two things, as one that begins like the end of a tar. Behind the end of a tar another one is
 * looked for, since some programs do.
 */
static int
open_archive(struct pack *p)
{
	static support_fn *const formats[] = {
		archive_read_support_format_7zip, archive_read_support_format_rar,
		archive_read_support_format_rar5, archive_read_support_format_tar,
		archive_read_support_format_cab, archive_read_support_format_iso9660,
	}, *const streams[] = {
		archive_read_support_format_raw, archive_read_support_filter_gzip,
		archive_read_support_filter_bzip2, archive_read_support_filter_xz,
		archive_read_support_filter_zstd,
	};
	int err;

	p->archive = archive_read_new();
	if (p->archive == NULL)
		return ERR_NOMEM;
	p->stream = sniff_is_stream(p->octets);
	err = p->stream ? support(p->archive, streams, ARRAY_LEN(streams)) :
	    support(p->archive, formats, ARRAY_LEN(formats));
	if (err == OK && !p->stream &&
	    archive_read_set_option(p->archive, "tar", "read_concatenated_archives", "1") !=
	    ARCHIVE_OK)
		err = ERR_UNSUPPORTED;
	if (err == OK && archive_read_open_memory(p->archive, p->octets.p, p->octets.n) !=
	    ARCHIVE_OK)
		err = ERR_CORRUPT;
	return err;
}

/* ---- one file ---- */

static bool
is_too_much(const struct pack *p, uint64_t out)
{
	const struct extract_limits *l = p->limits;

	return out > l->out_octets_max ||
	    (out > l->ratio_floor_octets && out / p->octets.n > l->ratio_max);
}

/* All of the file into p->data: OK, ERR_CORRUPT, ERR_LIMIT, ERR_NOMEM. */
static int
read_file(struct pack *p)
{
	buf_clear(&p->data);
	for (;;) {
		char *room = buf_reserve(&p->data, READ_OCTETS);
		la_ssize_t n;

		if (room == NULL)
			return p->data.err;
		n = archive_read_data(p->archive, room, READ_OCTETS);
		if (n < 0)
			return ERR_CORRUPT;
		if (n == 0)
			return OK;
		buf_added(&p->data, (size_t)n);
		if (is_too_much(p, p->out + p->data.n))
			return ERR_LIMIT;
	}
}

/* A path that a program would follow out of its folder. */
static bool
leads_out(struct slice path)
{
	struct slice level;

	if (path.n > 0 && (path.p[0] == '/' || path.p[0] == '\\' ||
	    (path.n > 1 && path.p[1] == ':')))
		return true;
	while (path.n > 0) {
		slice_cut(&path, '/', &level);
		if (slice_is(level, ".."))
			return true;
	}
	return false;
}

static int
give_file(struct pack *p, uint32_t index)
{
	int err = read_file(p);

	if (err == ERR_CORRUPT)
		return opaque(p, index, archive_read_has_encrypted_entries(p->archive) > 0 ?
		    EXTRACT_WHY_ENCRYPTED : EXTRACT_WHY_BROKEN);
	if (err != OK)
		return err;
	p->out += p->data.n;
	return give(p, EXTRACT_FILE, index, buf_slice(&p->data));
}

static int
one_entry(struct pack *p, struct archive_entry *e, uint32_t index)
{
	const char *name = archive_entry_pathname(e);
	struct slice path = slice_of(name == NULL ? "" : name);
	int err = p->stream ? OK : give(p, EXTRACT_NAME, index, path);

	if (err != OK)
		return err;
	if (archive_entry_is_encrypted(e))
		return opaque(p, index, EXTRACT_WHY_ENCRYPTED);
	if (archive_entry_filetype(e) == AE_IFDIR)
		return OK;
	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) != NULL ||
	    leads_out(path))
		return opaque(p, index, EXTRACT_WHY_TYPE);
	return give_file(p, index);
}

static int
read_all(struct pack *p)
{
	struct archive_entry *e;
	int r, err = OK;

	while (err == OK && (r = archive_read_next_header(p->archive, &e)) != ARCHIVE_EOF) {
		if (++p->files > p->limits->entries_max)
			return ERR_LIMIT;
		if (r != ARCHIVE_OK)
			return opaque(p, 0, archive_read_has_encrypted_entries(p->archive) > 0 ?
			    EXTRACT_WHY_ENCRYPTED : EXTRACT_WHY_BROKEN);
		err = one_entry(p, e, p->files);
	}
	return err;
}

int
pack_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct pack p = { .octets = octets, .limits = limits, .sink = sink, .arg = arg };
	int err = open_archive(&p);

	buf_init(&p.data, limits->out_octets_max + READ_OCTETS);
	if (err == OK)
		err = read_all(&p);
	if (err == OK && p.files == 0)	/* nothing to see: something else may see more */
		err = opaque(&p, 0, EXTRACT_WHY_BROKEN);
	if (err == ERR_LIMIT)
		err = opaque(&p, 0, EXTRACT_WHY_LIMIT);
	else if (err == ERR_CORRUPT || err == ERR_UNSUPPORTED)
		err = opaque(&p, 0, EXTRACT_WHY_BROKEN);
	if (p.archive != NULL)
		archive_read_free(p.archive);
	buf_fini(&p.data);
	return err;
}
