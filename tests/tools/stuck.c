// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stuck FILE NAMESPACE: opens FILE, goes to the network namespace of that path and reads into a page
 * that nobody will ever bring. Says so on standard output before it does.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	long page = sysconf(_SC_PAGESIZE);
	int fd, there, uffd;
	void *map;

	if (argc != 3)
		errx(2, "want FILE NAMESPACE");
	fd = open(argv[1], O_RDONLY);
	there = open(argv[2], O_RDONLY);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0 || there < 0 || uffd < 0)
		err(1, "open");
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)map;
	range.range.len = page;
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		err(1, "userfaultfd");
	if (setns(there, CLONE_NEWNET))
		err(1, "setns");
	close(there);
	puts("reading");
	fflush(stdout);
	return read(fd, map, page) < 0;
}
