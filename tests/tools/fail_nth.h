/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which allocation of this thread fails: Documentation/fault-injection/fault-injection.rst. */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* This thread's `fail-nth` or `make-it-fail`. */
static int open_faults(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/thread-self/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* Twice: the first may be where the fault goes. */
static void put_faults(int fd, int number)
{
	char digits[16];
	int size = sprintf(digits, "%d", number);

	if (pwrite(fd, digits, size, 0) != size && pwrite(fd, digits, size, 0) != size)
		err(1, "%d", number);
}

/* How many are still to come to the nth; from here on none does. */
static int end_faults(int fd)
{
	char digits[16] = "";
	ssize_t n = pread(fd, digits, sizeof(digits) - 1, 0);

	if (n < 0 && errno != EFAULT)
		err(1, "fail-nth");
	put_faults(fd, 0);
	/* One was left, and hit this reading. */
	return n < 0 ? 1 : atoi(digits);
}

#endif /* FAIL_NTH_H */
