/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "mailstore/engine_internal.h"
#include "mailstore/migrate.h"
#include "mailstore/path.h"
#include "mailstore/quota.h"

/* ---- the folder ---- */

static int
make_dir(const char *state_dir, const char *below, mode_t mode)
{
	char path[PATH_OCTETS];
	int r = path_store(state_dir, below, path);

	if (r == OK && mkdir(path, mode) != 0 && errno != EEXIST)
		r = -errno;
	return r;
}

/* Folders that were just made: a power cut must not take them away, with all that is in them. */
static int
sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) != 0 ? -errno : OK;

	if (fd >= 0)
		close(fd);
	return r;
}

int
engine_lock(const char *state_dir, int *fd_out)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_OCTETS];
	int fd, r;

	if (snprintf(path, sizeof path, "%s/store.lock", state_dir) >= (int)sizeof path)
		return ERR_LIMIT;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		r = errno == EAGAIN || errno == EACCES ? ERR_EXIST : -errno;
		close(fd);
		return r;
	}
	r = sync_dir(state_dir);	/* whoever enters the store may not read this one */
	if (r != OK)
		close(fd);
	else
		*fd_out = fd;
	return r;
}

static int
sync_dirs(const char *state_dir)
{
	char path[PATH_OCTETS];
	int r = path_store(state_dir, "", path);

	if (r == OK)
		r = sync_dir(path);
	if (r == OK)
		r = sync_dir(state_dir);
	return r == ERR_ACCESS ? OK : r;	/* root's; engine_lock has synced it */
}

static int
open_dirs(struct engine *e)
{
	static const struct {
		const char *name;
		mode_t	    mode;	/* readers are of the group; control is ours alone */
	} dirs[] = { { "", 0750 }, { "index", 0750 }, { "seg", 0750 }, { "control", 0700 } };
	int r = OK;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == OK; i++)
		r = make_dir(e->conf.state_dir, dirs[i].name, dirs[i].mode);
	if (r == OK)
		r = path_refuse_network(e->conf.state_dir);
	if (r == OK)
		r = sync_dirs(e->conf.state_dir);
	if (r == OK && e->lock_fd <= 0)
		r = engine_lock(e->conf.state_dir, &e->lock_fd);
	return r;
}

/* A store of an older format: control says so first, so that no older mailstored takes it again. */
static int
migrate(struct engine *e)
{
	struct migrate m = { .now_s = clock_real_s() };
	char path[PATH_OCTETS];
	int r = path_store(e->conf.state_dir, "seg", path);

	if (r == OK)
		r = control_begin_write(e->ctl);
	if (r != OK)
		return r;
	r = control_put_u64(e->ctl, CONTROL_META, SLICE("format"), INDEX_FORMAT);
	if (r == OK)
		r = control_commit(e->ctl);
	control_abort(e->ctl);
	m.seg_dir = path;
	if (r == OK)
		r = migrate_index(e->ix, &m);
	log_event(EV_STORE_MIGRATED, F_U64("format", INDEX_FORMAT), F_U64("rows", m.rows),
	    F_U64("damaged", m.damaged_rows + m.damaged_frames), F_ERR(r));
	return r;
}

static int
open_envs(struct engine *e)
{
	char path[PATH_OCTETS];
	int r = path_store(e->conf.state_dir, "control", path);

	if (r == OK)
		r = control_open(path, e->conf.map_octets, false, &e->ctl);
	if (r == OK)
		r = path_store(e->conf.state_dir, "index", path);
	if (r == OK)
		r = index_open(path, e->conf.map_octets, false, &e->ix);
	if (r == OK) {
		e->ix->keep_expunged = e->conf.expunged_days > 0;
		env_reap_readers(e->ix->env);
		r = accounts_new(&e->accounts);
	}
	if (r == OK)
		r = migrate_needed(e->ix);
	if (r == 1)
		r = migrate(e);
	return r;
}

static int
open_segments(struct engine *e)
{
	char path[PATH_OCTETS];
	uint32_t last = 0;
	int r = path_store(e->conf.state_dir, "seg", path);

	if (r == OK)
		r = gc_last_segment(e->ix, &last);
	if (r == OK)
		r = segment_writer_open(path, e->conf.segment_octets, last, &e->seg);
	if (r == OK)
		r = segment_cache_new(path, &e->segments);
	if (r == OK)
		r = crypt_zip_new(&e->zip);
	if (r == OK)
		r = sealer_new(e->conf.threads, &e->sealer);
	return r;
}

static int
make_node(struct engine *e)
{
	int r = control_begin_write(e->ctl);

	if (r != OK)
		return r;
	r = audit_make_node(e->ctl, &e->audit);
	if (r == OK)
		r = control_commit(e->ctl);
	control_abort(e->ctl);
	return r;
}

static int
load(struct engine *e)
{
	struct arena a;
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, 4096);
	r = accounts_load(e->accounts, e->ctl);
	if (r == OK)
		r = audit_load(e->ctl, &a, &e->audit);
	control_abort(e->ctl);
	arena_clear(&a);
	if (r == OK && !audit_has_node(&e->audit))
		r = make_node(e);
	return r == OK ? engine_replay(e) : r;
}

int
engine_open(const struct engine_conf *conf, struct engine **out)
{
	struct engine *e = calloc(1, sizeof *e);
	int r;

	*out = e;
	if (e == NULL)
		return ERR_NOMEM;
	e->conf = *conf;
	e->lock_fd = conf->lock_fd;
	e->intents_end = &e->intents;
	e->applied_end = &e->applied;
	r = crypt_start();
	if (r == OK)
		r = open_dirs(e);
	if (r == OK)
		r = open_envs(e);
	if (r == OK)
		r = open_segments(e);
	if (r == OK)
		r = notify_open(conf->run_dir, &e->notify);
	if (r == OK)
		r = gc_new(e, &e->gc);
	if (r == OK)
		r = load(e);
	if (r != OK)
		engine_close(out);
	return r;
}

static void
free_intents(struct engine_intent *i)
{
	while (i != NULL) {
		struct engine_intent *next = i->next;

		arena_clear(&i->a);
		free(i);
		i = next;
	}
}

void
engine_close(struct engine **ep)
{
	struct engine *e = *ep;

	if (e == NULL)
		return;
	gc_free(&e->gc);
	free_intents(e->intents);
	free_intents(e->applied);
	engine_sync_free(e);
	sealer_free(&e->sealer);	/* its workers read the epoch's secret */
	index_close(&e->ix);
	control_close(&e->ctl);
	segment_writer_close(&e->seg);
	segment_cache_free(&e->segments);
	crypt_zip_free(&e->zip);
	accounts_free(&e->accounts);
	notify_close(&e->notify);
	if (e->spool_key != NULL)
		crypt_secret_free(e->spool_key);
	engine_spool_forget_old(e);
	if (e->lock_fd > 0)
		close(e->lock_fd);
	free(e);
	*ep = NULL;
}

int
engine_set_spool_key(struct engine *e, const uint8_t key[32])
{
	if (e->spool_key == NULL)
		e->spool_key = crypt_secret_new(32);
	if (e->spool_key == NULL)
		return ERR_NOMEM;
	memcpy(e->spool_key, key, 32);
	return OK;
}

/* ---- room ---- */

uint64_t
engine_free_octets(const struct engine *e)
{
	struct statfs fs;

	if (statfs(e->conf.state_dir, &fs) != 0)
		return 0;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
}

/* To remove something takes free pages, too: what only adds must leave some. */
static int
map_room(const struct engine *e)
{
	enum { PARTS = 8 };
	int r = env_room(e->ix->env, PARTS);

	return r == OK ? env_room(e->ctl->env, PARTS) : r;
}

int
engine_room(const struct engine *e, uint64_t octets)
{
	return engine_free_octets(e) >= e->conf.reserve_octets + octets ? map_room(e) : ERR_NOSPC;
}

int
engine_quota(struct engine *e, struct slice guid, const struct st_quota *quota,
    uint64_t size_octets)
{
	struct account *a = accounts_find(e->accounts, guid);

	if (a == NULL)
		return quota->octets == 0 || size_octets <= quota->octets ? OK : ERR_QUOTA;
	return quota_look(e, a, quota, size_octets);
}

void
engine_tidy(struct engine *e)
{
	env_reap_readers(e->ix->env);
	if (segment_expire(e->seg))
		accounts_end_epoch(e->accounts);
}

uint32_t
engine_sealed_below(const struct engine *e)
{
	uint32_t number = segment_number(e->seg);

	return segment_is_open(e->seg, number) ? number : number + 1;
}

/* ---- figures ---- */

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t
engine_latency_us(const struct engine *e, unsigned percent)
{
	uint32_t sorted[ENGINE_LATENCIES];
	size_t n = e->stats.latency_n;

	if (n == 0)
		return 0;
	memcpy(sorted, e->stats.latency_us, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_value);
	return sorted[(n - 1) * percent / 100];
}

uint64_t
engine_note_part(struct engine *e, enum engine_part part, uint64_t since_us)
{
	uint64_t now = clock_us();

	e->stats.part_us[part] += now - since_us;
	return now;
}

void
engine_note_latency(struct engine *e, uint64_t us)
{
	struct engine_stats *s = &e->stats;

	s->commits++;
	s->commit_us = (uint32_t)((7 * (uint64_t)s->commit_us + (us > UINT32_MAX / 8 ?
	    UINT32_MAX / 8 : us)) / 8);
	metric_observe_us(METRIC_COMMIT_TIME, 0, us);
	s->latency_us[s->latency_at] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	s->latency_at = (s->latency_at + 1) % ENGINE_LATENCIES;
	if (s->latency_n < ENGINE_LATENCIES)
		s->latency_n++;
}
