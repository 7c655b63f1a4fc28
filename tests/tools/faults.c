// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fails each allocation of an operation in turn: the first, the second and so on, until the
 * operation went through with the fault left over. What fails must say so with an errno that is
 * right for it, and must work when it is tried again. Prints how many allocations there were.
 *
 * usage: faults [-b COMMAND] [-u COMMAND] [-l LAST] [-e EACH] [-o] [-d] OPERATION ARG...
 *   read FILE           opens a file and reads it to its end: always the same text
 *   drain FILE          the same of one that reading empties: the lines go to standard output
 *   write FILE TEXT     opens a file and writes that
 *   send ADDRESS        a datagram to this IPv4 address, and each time to the one after
 *   unshare             makes a network namespace, and goes back
 *   load FILE [PARAMS]  loads a module, and unloads it
 *
 *   -b COMMAND   before each try that is to fail
 *   -u COMMAND   after each try that did not: undoes it
 *   -l LAST      of the allocations only the last ones
 *   -e EACH      tries again after each so many failures, and after the last one
 *   -o           memory is out: after the allocation that fails, no other succeeds either
 *   -d           no faults: tries it once, for a kernel without them
 *
 * A copy to or from the user that does not succeed counts as an allocation too.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fail_nth.h"

#define NTH_MAX 100000

static char **args;
static const char *before, *undo;
static int last, each = 1, all_later, nth_file, later_file;

/* --- The operations: 0 or a negative errno. Only `attempt` is under faults. ---------------------- */

static int at = -1, file = -1;
static char text[16 << 20], expected[sizeof(text)];
static size_t len, expected_len;

/* Its directory, so that the way there is not what fails. */
static void open_parent(void)
{
	char *path = strdup(args[0]);

	/* What is said to have come now is not what came before. */
	memset(text, 0, len);
	close(at);
	at = open(dirname(path), O_PATH | O_DIRECTORY);
	if (at < 0)
		err(1, "%s", args[0]);
	free(path);
}

static int open_file(int flags)
{
	int fd = openat(at, strrchr(args[0], '/') + 1, flags);

	return fd < 0 ? -errno : fd;
}

static int read_file(void)
{
	int fd = open_file(O_RDONLY), status = 0;
	ssize_t n;

	len = 0;
	if (fd < 0)
		return fd;
	while ((n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += n;
	if (n < 0)
		status = -errno;
	close(fd);
	return status;
}

static void compare(int status)
{
	if (status)
		return;
	if (!expected_len)
		memcpy(expected, text, expected_len = len);
	if (len != expected_len || memcmp(text, expected, len))
		errx(1, "%s: reads %.*s instead of %.*s", args[0], (int)len, text,
		     (int)expected_len, expected);
}

/* What came of a row that did not come whole comes again with a later one. */
static void pass_on(int status)
{
	char *end = memrchr(text, '\n', len);

	(void)status;
	if (end && write(1, text, end + 1 - text) != end + 1 - text)
		err(1, "standard output");
}

static int write_file(void)
{
	int fd = open_file(O_WRONLY), status = 0;

	if (fd < 0)
		return fd;
	if (write(fd, args[1], strlen(args[1])) < 0)
		status = -errno;
	close(fd);
	return status;
}

static struct sockaddr_in to = { .sin_family = AF_INET };

static void next_address(void)
{
	if (file < 0) {
		file = socket(AF_INET, SOCK_DGRAM, 0);
		if (file < 0 || inet_pton(AF_INET, args[0], &to.sin_addr) != 1)
			err(1, "%s", args[0]);
		to.sin_port = htons(9);
		return;
	}
	to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + 1);
}

static int send_one(void)
{
	return sendto(file, "", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static void open_home(void)
{
	if (file < 0)
		file = open("/proc/thread-self/ns/net", O_RDONLY);
	if (file < 0)
		err(1, "home");
}

static int leave(void)
{
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

static void go_home(int status)
{
	if (!status && setns(file, CLONE_NEWNET))
		err(1, "setns");
}

static void open_module(void)
{
	int fd = open(args[0], O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0 || n == sizeof(text))
		err(1, "%s", args[0]);
	len = n;
	close(fd);
}

/* As insmod loads a file, but for the reading, which is not ours and is loud when it fails. */
static int load(void)
{
	return syscall(SYS_init_module, text, len, args[1] ? args[1] : "") ? -errno : 0;
}

static void unload(int status)
{
	char *name = strdup(strrchr(args[0], '/') + 1);

	*strchrnul(name, '.') = 0;
	if (!status && syscall(SYS_delete_module, name, O_NONBLOCK))
		err(1, "unloading %s", name);
	free(name);
}

static const struct operation {
	const char *name;
	int words;
	void (*prepare)(void);
	int (*attempt)(void);
	void (*finish)(int status);
	int errnos[8];
} operations[] = {
	{ "read", 1, open_parent, read_file, compare, { ENOMEM, EFAULT } },
	{ "drain", 1, open_parent, read_file, pass_on, { ENOMEM, EFAULT } },
	{ "write", 2, open_parent, write_file, NULL, { ENOMEM, EFAULT } },
	{ "send", 1, next_address, send_one, NULL, { ENOMEM, ENOBUFS, EFAULT } },
	/* ENOMEM is ours; the rest is what other parts of the kernel say when their memory fails. */
	{ "unshare", 0, open_home, leave, go_home, { ENOMEM, EAFNOSUPPORT, EEXIST, EINVAL, ENFILE,
						     ENOBUFS, ENODEV, EPERM } },
	{ "load", 1, open_module, load, unload, { ENOMEM, EFAULT } },
}, *op;

/* --- The faults ---------------------------------------------------------------------------------- */

static void arm(int nth)
{
	if (all_later)
		put_faults(later_file, 1);
	put_faults(nth_file, nth);
}

/* How many faults are left. */
static int disarm(void)
{
	int left = end_faults(nth_file);

	if (all_later)
		put_faults(later_file, 0);
	return left;
}

static void shell(const char *command)
{
	int status = command ? system(command) : 0;

	if (status)
		errx(1, "%s: status %d", command, status);
}

static int attempt(int nth, int *left)
{
	int status;

	if (op->prepare)
		op->prepare();
	if (nth)
		arm(nth);
	status = op->attempt();
	if (nth)
		*left = disarm();
	if (op->finish)
		op->finish(status);
	if (!status)
		shell(undo);
	return status;
}

static void must_work(const char *when, int nth)
{
	int status = attempt(0, NULL);

	if (status)
		errx(1, "%s %s %d: %s", op->name, when, nth, strerrorname_np(-status));
}

static int is_right(int errnum)
{
	size_t i;

	for (i = 0; i < sizeof(op->errnos) / sizeof(*op->errnos); i++)
		if (errnum == op->errnos[i])
			return 1;
	return 0;
}

/* Which is the first to fail. */
static int first(void)
{
	int left = 0;

	if (!last)
		return 1;
	if (attempt(NTH_MAX, &left))
		errx(1, "%s fails without a fault", op->name);
	return NTH_MAX - left > last ? NTH_MAX - left - last + 1 : 1;
}

static void sweep(void)
{
	int counts[256] = {}, from = first(), failed = 0, left = 0, wrong = 0, nth, i;

	for (nth = from; !left; nth++) {
		int status;

		if (nth >= NTH_MAX)
			errx(1, "%s: no end of allocations", op->name);
		shell(before);
		status = attempt(nth, &left);
		if (!status)
			continue;
		if (left)
			errx(1, "%s fails without a fault: %s", op->name, strerrorname_np(-status));
		failed++;
		counts[-status & 255]++;
		if (!is_right(-status)) {
			warnx("%s: allocation %d: %s", op->name, nth, strerrorname_np(-status));
			wrong++;
		}
		if (failed % each == 0)
			must_work("again after allocation", nth);
	}
	must_work("in the end, after allocation", nth);
	fprintf(stderr, "%s %s: allocations %d to %d, %d failures:", op->name,
		args[0] ? args[0] : "", from, nth - 2, failed);
	for (i = 0; i < 256; i++)
		if (counts[i])
			fprintf(stderr, " %s %d", strerrorname_np(i), counts[i]);
	fprintf(stderr, "\n");
	if (!failed)
		errx(1, "%s: the faults do not arrive", op->name);
	if (wrong)
		errx(1, "%s: wrong errnos", op->name);
}

int main(int argc, char **argv)
{
	int option, dry = 0;

	while ((option = getopt(argc, argv, "+b:u:l:e:od")) != -1)
		switch (option) {
		case 'b':
			before = optarg;
			break;
		case 'u':
			undo = optarg;
			break;
		case 'l':
			last = atoi(optarg);
			break;
		case 'e':
			each = atoi(optarg);
			break;
		case 'o':
			all_later = 1;
			break;
		case 'd':
			dry = 1;
			break;
		default:
			return 2;
		}
	for (op = operations; op < operations + sizeof(operations) / sizeof(*operations); op++)
		if (argv[optind] && !strcmp(op->name, argv[optind]))
			break;
	if (op == operations + sizeof(operations) / sizeof(*operations) ||
	    argc - optind - 1 < op->words)
		errx(2, "no such operation");
	args = argv + optind + 1;

	if (!dry) {
		nth_file = open_faults("fail-nth");
		later_file = open_faults("make-it-fail");
	}
	/* A page of this program that is not there yet is not what is to fail. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
	shell(before);
	must_work("without faults", 0);
	if (!dry)
		sweep();
	return 0;
}
