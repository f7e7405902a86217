/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/chan_frame.h: one frame with its descriptors on a SEQPACKET socket; used by chan_*.c only.
 */
#ifndef COMMON_CHAN_FRAME_H
#define COMMON_CHAN_FRAME_H

#include "common/chan.h"

struct chan_frame {
	uint16_t     code;
	uint32_t     id;
	int	     status;
	struct slice body;
	int	     fds[CHAN_FDS_MAX];
	unsigned     fds_n;
	struct slice mapped;	/* a large body: chan_frame_done() lets it go */
	struct slice taken;	/* what was received: chan_frame_done() wipes it */
};

/* A frame waiting for room in the socket. */
struct chan_out {
	struct chan_out *next;
	int		 fds[CHAN_FDS_MAX];	/* duplicates, owned */
	unsigned	 fds_n;
	size_t		 n;
	char		 octets[];
};

/* The send queue of one connection: frames go out at once if they fit, else they wait here. */
struct chan_sendq {
	struct chan_out *head, **tail;
	size_t		 octets;
};

enum { CHAN_SENDQ_MAX = 2 * CHAN_BODY_MAX };

const struct chan_row *chan_row_find(const struct chan_row *rows, size_t n, uint16_t code);

/* Encode header and message (type may be NULL: no message) into out, which is cleared first and
 * may grow to CHAN_BODY_MAX. */
int chan_frame_encode(struct buf *out, uint16_t code, uint32_t id, int status,
    const struct wire_type *type, const void *msg) MUST_USE;

/* Send one encoded frame now (a large one as a memfd): OK, -EAGAIN, or the connection is broken. */
int chan_frame_send(int fd, struct slice frame, const int *fds, unsigned fds_n) MUST_USE;

/* Receive one frame into mem (CHAN_FRAME_MAX octets): 1 = got it, 0 = peer closed, -EAGAIN,
 * ERR_FRAME = the peer broke the format (descriptors are closed). */
int chan_frame_recv(int fd, char *mem, struct chan_frame *out) MUST_USE;

/* Let go of the body of a received frame (not of its descriptors), and wipe it: it may hold the
 * secret of a keyset, a password, a token. */
void chan_frame_done(struct chan_frame *f);

void chan_fds_close(int *fds, unsigned n);

void chan_sendq_init(struct chan_sendq *q);
void chan_sendq_fini(struct chan_sendq *q);

/* Send now or queue. ERR_LIMIT when the peer does not read: drop the connection. */
int chan_sendq_push(struct chan_sendq *q, int fd, struct slice frame, const int *fds,
    unsigned fds_n) MUST_USE;

/* Send what waits. OK when the queue is empty, -EAGAIN when not, else broken. */
int chan_sendq_flush(struct chan_sendq *q, int fd) MUST_USE;

#endif
