/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/sealer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/control.h"

struct worker {
	struct sealer	 *s;
	struct crypt_zip *zip;
	pthread_t	  thread;
};

struct sealer {
	/* of the committer alone */
	unsigned	    threads, running;	/* wanted; started */
	struct crypt_zip   *zip;
	int		    event;
	uint8_t		   *keys;		/* SEALER_KEYS of them */
	uint16_t	    free_keys[SEALER_KEYS];
	size_t		    free_n;
	struct worker	    workers[SEALER_THREADS_MAX];
	/* under lock */
	pthread_mutex_t	    lock;
	pthread_cond_t	    work, done;
	struct sealer_task *head, **tail;
	uint64_t	    octets;		/* of results, made or being made */
	uint64_t	    done_n;		/* tasks that ever got done */
	unsigned	    at_work;
	bool		    closing, told;	/* the event is raised */
};

/* ---- tasks ---- */

/* The next task to begin, if memory allows: the lock is held. */
static struct sealer_task *
take(struct sealer *s)
{
	struct sealer_task *t = s->head;

	if (t == NULL || (s->octets > 0 && s->octets + t->octets > SEALER_OCTETS_MAX))
		return NULL;
	s->head = t->next;
	if (s->head == NULL)
		s->tail = &s->head;
	t->state = SEALER_RUNNING;
	s->octets += t->octets;
	s->at_work++;
	return t;
}

/* The lock is held, but not while the task is worked on. */
static void
work_on(struct sealer *s, struct sealer_task *t, struct crypt_zip *zip)
{
	int r;

	pthread_mutex_unlock(&s->lock);
	r = t->fn(t, zip);
	pthread_mutex_lock(&s->lock);
	t->status = r;
	t->state = SEALER_DONE;
	s->done_n++;
	s->at_work--;
	pthread_cond_broadcast(&s->done);
}

/* Tell the committer's loop, once until it looked: the lock is held. */
static void
tell(struct sealer *s)
{
	uint64_t one = 1;

	if (s->told)
		return;
	s->told = true;
	while (write(s->event, &one, sizeof one) < 0 && errno == EINTR)
		continue;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct sealer *s = w->s;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct sealer_task *t = take(s);

		if (t != NULL) {
			work_on(s, t, w->zip);
			tell(s);
		} else if (s->closing)
			break;
		else
			pthread_cond_wait(&s->work, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Signals are the committer's. If threads cannot be had, fewer or none will do. */
static void
start_threads(struct sealer *s)
{
	pthread_attr_t attr;
	sigset_t all, was;

	if (pthread_attr_init(&attr) != 0)
		return;
	(void)pthread_attr_setstacksize(&attr, SEALER_STACK_OCTETS);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	while (s->running < s->threads) {
		struct worker *w = &s->workers[s->running];

		w->s = s;
		if (crypt_zip_new(&w->zip) != OK)
			break;
		if (pthread_create(&w->thread, &attr, worker_main, w) != 0) {
			crypt_zip_free(&w->zip);
			break;
		}
		s->running++;
	}
	s->threads = s->running;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
}

void
sealer_start(struct sealer *s, struct sealer_task *t, bool urgent)
{
	if (s->running < s->threads)
		start_threads(s);
	pthread_mutex_lock(&s->lock);
	t->state = SEALER_QUEUED;
	t->next = urgent ? s->head : NULL;
	if (urgent || s->head == NULL) {
		if (s->head == NULL)
			s->tail = &t->next;
		s->head = t;
	} else {
		*s->tail = t;
		s->tail = &t->next;
	}
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

bool
sealer_is_done(struct sealer *s, const struct sealer_task *t)
{
	bool done;

	if (control_off("sealer-lock"))
		return t->state == SEALER_DONE;
	pthread_mutex_lock(&s->lock);
	done = t->state == SEALER_DONE;
	pthread_mutex_unlock(&s->lock);
	return done;
}

/* Out of the queue, to be worked on here whatever memory says: somebody waits for it. */
static void
claim(struct sealer *s, struct sealer_task *t)
{
	struct sealer_task **at = &s->head;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (*at == NULL)
		s->tail = at;
	t->state = SEALER_RUNNING;
	s->octets += t->octets;
	s->at_work++;
}

int
sealer_wait(struct sealer *s, struct sealer_task *t)
{
	int r;

	pthread_mutex_lock(&s->lock);
	assert(t->state != SEALER_IDLE);
	if (t->state == SEALER_QUEUED) {
		claim(s, t);
		work_on(s, t, s->zip);
	}
	while (t->state != SEALER_DONE)
		pthread_cond_wait(&s->done, &s->lock);
	r = t->status;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static struct timespec
time_after(uint64_t us)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(us / 1000000);
	ts.tv_nsec += (long)(us % 1000000) * 1000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return ts;
}

bool
sealer_help(struct sealer *s, uint64_t wait_us)
{
	struct timespec end = time_after(wait_us);
	struct sealer_task *t;
	uint64_t was;
	int r = 0;
	bool some;

	pthread_mutex_lock(&s->lock);
	was = s->done_n;
	t = s->running > 0 && s->head != NULL && (s->head->slow ||
	    s->head->octets > SEALER_HELP_OCTETS) ? NULL : take(s);
	if (t != NULL)
		work_on(s, t, s->zip);
	else
		while (s->done_n == was && r == 0 &&
		    (s->at_work > 0 || (s->running > 0 && s->head != NULL)))
			r = pthread_cond_timedwait(&s->done, &s->lock, &end);
	some = s->done_n != was;
	pthread_mutex_unlock(&s->lock);
	return some;
}

bool
sealer_is_busy(struct sealer *s)
{
	bool busy;

	pthread_mutex_lock(&s->lock);
	busy = s->at_work > 0 || s->head != NULL;
	pthread_mutex_unlock(&s->lock);
	return busy && s->running > 0;
}

void
sealer_forget(struct sealer *s, struct sealer_task *t)
{
	pthread_mutex_lock(&s->lock);
	assert(t->state == SEALER_DONE && s->octets >= t->octets);
	s->octets -= t->octets;
	t->state = SEALER_IDLE;
	if (s->head != NULL)
		pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
}

int
sealer_fd(const struct sealer *s)
{
	return s->threads > 0 ? s->event : -1;
}

void
sealer_clear(struct sealer *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	s->told = false;
	while (read(s->event, &n, sizeof n) < 0 && errno == EINTR)
		continue;
	pthread_mutex_unlock(&s->lock);
}

/* ---- keys ---- */

uint8_t *
sealer_key_take(struct sealer *s)
{
	return s->free_n == 0 ? NULL :
	    s->keys + (size_t)s->free_keys[--s->free_n] * CRYPT_KEY_OCTETS;
}

void
sealer_key_give(struct sealer *s, uint8_t **key)
{
	if (*key == NULL)
		return;
	crypt_wipe(*key, CRYPT_KEY_OCTETS);
	s->free_keys[s->free_n++] = (uint16_t)((*key - s->keys) / CRYPT_KEY_OCTETS);
	*key = NULL;
}

/* ---- the pool ---- */

unsigned
sealer_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > SEALER_THREADS_MAX ? SEALER_THREADS_MAX : n < 1 ? 1 : (unsigned)n;
}

static void
init_locks(struct sealer *s)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, &attr);
	pthread_condattr_destroy(&attr);
}

int
sealer_new(unsigned threads, struct sealer **out)
{
	struct sealer *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return ERR_NOMEM;
	init_locks(s);
	s->tail = &s->head;
	s->threads = threads > SEALER_THREADS_MAX ? SEALER_THREADS_MAX : threads;
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->keys = crypt_secret_new(SEALER_KEYS * CRYPT_KEY_OCTETS);
	for (size_t i = 0; i < SEALER_KEYS; i++)
		s->free_keys[s->free_n++] = (uint16_t)i;
	if (s->event >= 0 && s->keys != NULL && crypt_zip_new(&s->zip) == OK)
		return OK;
	sealer_free(out);
	return ERR_NOMEM;
}

void
sealer_free(struct sealer **sp)
{
	struct sealer *s = *sp;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->running; i++) {
		pthread_join(s->workers[i].thread, NULL);
		crypt_zip_free(&s->workers[i].zip);
	}
	crypt_zip_free(&s->zip);
	if (s->keys != NULL)
		crypt_secret_free(s->keys);
	if (s->event >= 0)
		close(s->event);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}
