// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fd FILE VERB...: opens FILE once (&N: takes the open descriptor N) and does to it what the
 * verbs say, in order. What is read goes to standard output, what happened to standard error.
 *
 *   read=N      one read of at most N bytes        all=N      reads of N bytes until end of file
 *   until=N     polls and reads until N bytes of rows came
 *   bad=N       a read to an address that is not there
 *   half=N      a read of 2 N bytes of which only the first N are there
 *   signal=N    a read of N pages; a signal comes while it waits for each but the first
 *   pread=N,OFF seek=OFF                           poll=MS    epoll=MS    select=MS
 *   exclusive=MS  epoll, to be woken alone         edge=MS    waits for a change since the last one
 *                 each of these without =MS: for ever
 *   arm         puts it into an epoll set that stays; nobody waits
 *   line        waits for a line on standard input sleep=MS
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;

static void tell(const char *verb, long result)
{
	if (result < 0)
		fprintf(stderr, "%s: %s\n", verb, strerrorname_np(errno));
	else
		fprintf(stderr, "%s: %ld\n", verb, result);
}

static void put(const char *bytes, ssize_t n)
{
	if (n > 0 && write(1, bytes, n) != n)
		err(1, "standard output");
}

static void all(const char *verb, size_t size)
{
	char *buffer = malloc(size);
	long total = 0;
	ssize_t n;

	while ((n = read(fd, buffer, size)) > 0) {
		put(buffer, n);
		total += n;
	}
	tell(verb, n < 0 ? n : total);
	free(buffer);
}

static void half(const char *verb, size_t size)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;

	munmap(map + page, page);
	n = read(fd, map + page - size, 2 * size);
	put(map + page - size, n);
	tell(verb, n);
}

static void ignore(int signal)
{
	(void)signal;
}

/* For the reader: whatever page it waits for comes after a signal. */
static void bring_pages(int faults, long page)
{
	struct uffd_msg fault;

	while (read(faults, &fault, sizeof(fault)) == sizeof(fault)) {
		struct uffdio_zeropage zero = {
			.range.start = fault.arg.pagefault.address & -page,
			.range.len = page,
		};

		kill(getppid(), SIGUSR1);
		/* The signal may have had the reader say so twice. */
		if (ioctl(faults, UFFDIO_ZEROPAGE, &zero) && errno != EEXIST)
			err(1, "UFFDIO_ZEROPAGE");
	}
	_exit(1);
}

static void with_signal(const char *verb, long pages)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction action = { .sa_handler = ignore };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register rest = {
		.range = { (unsigned long)map + page, (pages - 1) * page },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	pid_t child;
	ssize_t n;

	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &rest))
		err(1, "userfaultfd");
	sigaction(SIGUSR1, &action, NULL);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child)
		bring_pages(faults, page);
	n = read(fd, map, pages * page);
	put(map, n);
	tell(verb, n);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void wait_select(const char *verb, int ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	tell(verb, select(fd + 1, &set, NULL, NULL, ms < 0 ? NULL : &time));
}

static void arm(const char *verb)
{
	struct epoll_event event = { .events = EPOLLIN };

	tell(verb, epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &event));
}

static int epoll_set(const char *verb, unsigned int events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(0);

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
		tell(verb, -1);
		exit(1);
	}
	return epoll;
}

static void wait_epoll(const char *verb, int epoll, int ms)
{
	struct epoll_event event;
	int n;

	/* As after a sleep of the machine. */
	do
		n = epoll_wait(epoll, &event, 1, ms);
	while (n < 0 && errno == EINTR);
	tell(verb, n);
	if (n > 0)
		fprintf(stderr, "%s: events 0x%x\n", verb, event.events);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		errx(2, "want FILE VERB...");
	fd = argv[1][0] == '&' ? atoi(argv[1] + 1) : open(argv[1], O_RDONLY);
	if (fd < 0) {
		tell("open", -1);
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		char *verb = argv[i], *value = strchr(verb, '='), *comma;
		long n = value ? strtol(value + 1, &comma, 10) : -1;
		char *buffer = n > 0 ? malloc(n) : NULL;
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (value)
			*value = '\0';
		if (!strcmp(verb, "read")) {
			got = read(fd, buffer, n);
			put(buffer, got);
			tell(verb, got);
		} else if (!strcmp(verb, "all")) {
			all(verb, n);
		} else if (!strcmp(verb, "until")) {
			long total = 0;
			char chunk[4096];

			while (total < n && poll(&wait, 1, -1) > 0) {
				got = read(fd, chunk, sizeof(chunk));
				if (got < 0)
					break;
				put(chunk, got);
				total += got;
			}
			tell(verb, total);
		} else if (!strcmp(verb, "bad")) {
			tell(verb, read(fd, (void *)8, n));
		} else if (!strcmp(verb, "half")) {
			half(verb, n);
		} else if (!strcmp(verb, "signal")) {
			with_signal(verb, n);
		} else if (!strcmp(verb, "pread")) {
			got = pread(fd, buffer, n, strtol(comma + 1, NULL, 10));
			put(buffer, got);
			tell(verb, got);
		} else if (!strcmp(verb, "seek")) {
			tell(verb, lseek(fd, n, SEEK_SET));
		} else if (!strcmp(verb, "poll")) {
			int ready = poll(&wait, 1, n);

			tell(verb, ready);
			if (ready > 0)
				fprintf(stderr, "%s: events 0x%x\n", verb, wait.revents);
		} else if (!strcmp(verb, "epoll")) {
			int set = epoll_set(verb, EPOLLIN);

			wait_epoll(verb, set, n);
			close(set);
		} else if (!strcmp(verb, "exclusive")) {
			wait_epoll(verb, epoll_set(verb, EPOLLIN | EPOLLEXCLUSIVE), n);
		} else if (!strcmp(verb, "edge")) {
			static int set = -1;

			if (set < 0)
				set = epoll_set(verb, EPOLLIN | EPOLLET);
			wait_epoll(verb, set, n);
		} else if (!strcmp(verb, "arm")) {
			arm(verb);
		} else if (!strcmp(verb, "select")) {
			wait_select(verb, n);
		} else if (!strcmp(verb, "sleep")) {
			usleep(n * 1000);
		} else if (!strcmp(verb, "line")) {
			char c;

			while (read(0, &c, 1) == 1 && c != '\n')
				;
		} else {
			errx(2, "%s: no such verb", verb);
		}
		free(buffer);
	}
	return 0;
}
