/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/imap_wire.h: a connection to an IMAP server, for a program that waits.
 *
 * Bounds  every wait ends after WIRE_MS; a response holds at most WIRE_LINES_MAX octets of lines and
 *         one literal of literal_octets (a longer one is read and dropped); a command has at most
 *         WIRE_REPLIES_MAX responses.
 */
#ifndef CONTROL_IMAP_WIRE_H
#define CONTROL_IMAP_WIRE_H

#include "common/tls.h"
#include "control/imap_reply.h"

enum {
	WIRE_MS = 60000, WIRE_LINES_MAX = 1 << 20, WIRE_REPLIES_MAX = 1000000,
	WIRE_HOST_MAX = 255,
};

struct imap_wire {
	int	 fd;
	struct tls_ctx	*ctx;
	struct tls_conn *tls;		/* NULL: plain */
	char	 host[WIRE_HOST_MAX + 1];
	uint64_t literal_octets;
	unsigned tag;			/* of the last command */
	unsigned replies;		/* to it */
	bool	 dropped;		/* a literal of the last response */
	struct buf in, reply, out;
	size_t	 at;			/* in `in` */
	char	 why[300];
};

void imap_wire_init(struct imap_wire *w, uint64_t literal_octets);
void imap_wire_fini(struct imap_wire *w);

/* Connect to host; the address in text form goes to peer_out. Nothing is sent. */
int imap_wire_connect(struct imap_wire *w, const char *host, const char *port, char peer_out[64])
    MUST_USE;
/* Begin TLS; the server must show a certificate for its name that ca_file vouches for. */
int imap_wire_tls(struct imap_wire *w, const char *ca_file) MUST_USE;

/* Send a command: its tag goes before it, a line end after it. */
int imap_wire_send(struct imap_wire *w, struct slice command) MUST_USE;
/* Send octets as they are. */
int imap_wire_write(struct imap_wire *w, struct slice s) MUST_USE;
/* The next response; slices are valid until the next call. */
int imap_wire_reply(struct imap_wire *w, struct imap_reply *out) MUST_USE;
/* Is it the end of the last command? */
bool imap_wire_is_end(const struct imap_wire *w, const struct imap_reply *r);
/* Note why, and give err back. */
int imap_wire_fail(struct imap_wire *w, int err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;

#endif
