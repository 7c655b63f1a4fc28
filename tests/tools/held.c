// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * held FILE: polls FILE, and in the same call a file whose filesystem (FUSE, our own) never says whether
 * it is ready: so poll() waits at FILE, and can neither return nor be killed. Prints the number of the
 * process that is the filesystem, without which it ends.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void answer(int device, __u64 unique, int error, const void *body, size_t size)
{
	struct {
		struct fuse_out_header header;
		char body[128];
	} out = { .header = { .len = sizeof(out.header) + size, .error = error, .unique = unique } };

	memcpy(out.body, body, size);
	if (write(device, &out, out.header.len) != (ssize_t)out.header.len)
		err(1, "answer");
}

/* One file, the root. */
static void serve(int device)
{
	static char in[1 << 16];
	const struct fuse_in_header *header = (void *)in;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
	struct fuse_attr_out attr = { .attr = { .ino = 1, .mode = S_IFREG | 0600, .nlink = 1 } };
	struct fuse_open_out open = { .fh = 1 };

	while (read(device, in, sizeof(in)) > 0) {
		switch (header->opcode) {
		case FUSE_INIT:
			answer(device, header->unique, 0, &init, sizeof(init));
			break;
		case FUSE_GETATTR:
			answer(device, header->unique, 0, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
			answer(device, header->unique, 0, &open, sizeof(open));
			break;
		case FUSE_POLL:
			printf("%d\n", getpid());
			fflush(stdout);
			break;
		default:
			answer(device, header->unique, -ENOSYS, NULL, 0);
		}
	}
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/held.XXXXXX", options[100];
	struct pollfd files[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int device = open("/dev/fuse", O_RDWR);

	if (argc != 2)
		errx(2, "want FILE");
	files[0].fd = open(argv[1], O_RDONLY);
	if (device < 0 || files[0].fd < 0 || mkstemp(path) < 0)
		err(1, "open");
	snprintf(options, sizeof(options), "fd=%d,rootmode=%o,user_id=0,group_id=0", device, S_IFREG);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("held", path, "fuse", 0, options))
		err(1, "mount");
	if (!fork()) {
		close(files[0].fd);
		serve(device);
		return 0;
	}
	close(device);
	files[1].fd = open(path, O_RDONLY);
	if (files[1].fd < 0)
		err(1, "%s", path);
	poll(files, 2, -1);
	return 0;
}
