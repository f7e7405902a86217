/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/systemd.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

enum { STATUS_OCTETS = 200 };

/* One for the process, as its environment is: the descriptor, or -1. */
static int *
manager(void)
{
	static int fd = -1;

	return &fd;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if ((path[0] != '/' && path[0] != '@') || n >= sizeof sa.sun_path)
		return -1;
	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void
systemd_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	systemd_close();
	if (path != NULL)
		*manager() = connect_to(path);
	unsetenv("NOTIFY_SOCKET");
}

void
systemd_close(void)
{
	if (*manager() >= 0)
		close(*manager());
	*manager() = -1;
}

/* A manager that does not listen is its own problem. */
static void
tell(const char *text)
{
	if (*manager() >= 0 && send(*manager(), text, strlen(text), MSG_NOSIGNAL) < 0)
		return;
}

void
systemd_ready(void)
{
	tell("READY=1");
}

void
systemd_reloading(void)
{
	struct timespec now = { 0, 0 };
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)now.tv_sec * 1000000ULL + (unsigned long long)now.tv_nsec / 1000);
	tell(text);
}

void
systemd_stopping(void)
{
	tell("STOPPING=1");
}

void
systemd_status(const char *fmt, ...)
{
	char text[STATUS_OCTETS + 8] = "STATUS=";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + 7, sizeof text - 7, fmt, ap);
	va_end(ap);
	for (char *p = text + 7; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	tell(text);
}

int
systemd_listen_fds(void)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; names != NULL && names[i] != NULL; i++)
		free(names[i]);
	free(names);
	return n;
}
