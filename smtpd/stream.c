/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/stream.h"

#include <sys/socket.h>

static int
outcome(ssize_t n, int want)
{
	if (n > 0)
		return (int)n;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return want;
	return ERR_CLOSED;
}

int
stream_read(int fd, struct tls_conn *tls, char *to, size_t n)
{
	int r;

	if (tls == NULL)
		return outcome(recv(fd, to, n, 0), TLS_WANT_READ);
	r = tls_conn_read(tls, to, n);
	return r == 0 ? ERR_CLOSED : r;
}

int
stream_write(int fd, struct tls_conn *tls, struct slice s)
{
	if (tls == NULL)
		return outcome(send(fd, s.p, s.n > 1 << 20 ? 1 << 20 : s.n, MSG_NOSIGNAL),
		    TLS_WANT_WRITE);
	return tls_conn_write(tls, s.p, s.n);
}
