// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Noise into every file that can be written: random bytes, and texts that are
 * nearly right. What the kernel says is held against what the interface says;
 * what it refused has changed nothing, and each file reads back as valid.
 *
 * usage: noise [-s SEED] [-f FROM] [-n COUNT] DEVICE OTHER
 * DEVICE is on and counts nothing itself; OTHER may be switched on and off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "seeded.h"

#define FIELDS 23
#define TEXT_MAX 4096

typedef unsigned long long u64;

static const char *const fields[FIELDS] = {
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped",
	"tx_dropped", "multicast", "collisions", "rx_length_errors", "rx_over_errors",
	"rx_crc_errors", "rx_frame_errors", "rx_fifo_errors", "rx_missed_errors",
	"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors",
	"tx_window_errors", "rx_compressed", "tx_compressed",
};

static const char *device, *other;

/* What the files should say. */
static u64 shown[FIELDS], counter, enabled, parameters[2];
static int device_on, other_on;

/* What is written, and how much of it can be read. */
static char *text;
static size_t size;
static int is_cut;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;
	size_t i;

	fprintf(stderr, "write %llu: ", now_at);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (seed %llu), after \"", seed);
	for (i = 0; i < size && i < 200; i++)
		fprintf(stderr, text[i] >= ' ' && text[i] <= '~' ? "%c" : "\\%03o", text[i] & 255);
	fprintf(stderr, "\", %zu bytes\n", size);
	exit(1);
}

/* --- What is written. ------------------------------------------------------------------------- */

static void put(const char *more)
{
	size_t len = strlen(more);

	memcpy(text + size, more, len);
	size += len;
}

static void put_number(void)
{
	static const char *const odd[] = {
		"0", "1", "18446744073709551615", "18446744073709551616", "1000000000", "1000000001",
		"4294967295", "4294967296", "-1", "+1", "0x10", "007", " 1", "1 ", "1e3", "",
		"99999999999999999999999999999999999999999999999999999999999999999999999999",
	};
	char number[24];

	if (one_of(3)) {
		sprintf(number, "%llu", any() >> one_of(64));
		put(number);
	} else {
		put(odd[one_of(sizeof(odd) / sizeof(*odd))]);
	}
}

static void put_order(void)
{
	static const char *const odd[] = {
		"nonesuch", "lo", ".", "..", "a/b", "config", "%s%n", "a b", "", "\xff\xfe",
	};
	static const char *const signs[] = { "", "+", "-", "--" };

	put(signs[one_of(4)]);
	put(one_of(2) ? other : odd[one_of(sizeof(odd) / sizeof(*odd))]);
}

static void put_batch(void)
{
	unsigned int lines = one_of(8) ? one_of(4) : one_of(30);

	do {
		put(fields[one_of(FIELDS)]);
		put(" ");
		put_number();
		if (lines)
			put("\n");
	} while (lines--);
}

static void put_switch(void)
{
	static const char *const switches[] = {
		"0", "1", "y", "n", "Y", "N", "on", "off", "2", "o", "true", "-1", "10",
	};

	put(switches[one_of(sizeof(switches) / sizeof(*switches))]);
}

static void put_slash(void)
{
	put("/");
}

/* A byte changed, put in or taken out. */
static void spoil(void)
{
	size_t at = one_of(size + 1);

	switch (one_of(3)) {
	case 0:
		text[at] = any();
		size += at == size;
		break;
	case 1:
		memmove(text + at + 1, text + at, size - at);
		text[at] = any();
		size++;
		break;
	case 2:
		if (at < size)
			memmove(text + at, text + at + 1, --size - at);
		break;
	}
}

static void invent(void (*put_valid)(void))
{
	unsigned int times;

	size = 0;
	if (!one_of(4)) {
		times = one_of(16) ? 1 + one_of(70) : 1 + one_of(TEXT_MAX);
		while (size < times)
			text[size++] = any();
	} else {
		put_valid();
		if (one_of(2))
			put("\n");
		for (times = one_of(2) ? 0 : one_of(4); times; times--)
			spoil();
	}
	/* A write of nothing does not get as far as the module. */
	if (!size)
		put("\n");
	is_cut = !one_of(64);
}

/* --- What is expected. ------------------------------------------------------------------------ */

/* The digits at `from`, and `len` in all: 0, -EINVAL, or -ERANGE beyond 64 bits. */
static int number_in(const char *from, size_t len, u64 *number)
{
	int status = 0;
	size_t i;

	*number = 0;
	if (!len)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		unsigned int digit = from[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (*number > (~0ULL - digit) / 10)
			status = -ERANGE;
		*number = *number * 10 + digit;
	}
	return status;
}

/* Without the newline of `echo`. */
static size_t line(void)
{
	return size - (text[size - 1] == '\n');
}

static int want_field(unsigned int field)
{
	u64 number;
	int status = number_in(text, line(), &number);

	if (!status && !is_cut)
		shown[field] = number;
	return status;
}

/* Where a batch is wrong in two ways, either is said: then 1. */
static int want_batch(void)
{
	const char *at = text, *end = text + line(), *stop, *space;
	int bad = 0, large = 0, set[FIELDS] = { 0 };
	u64 values[FIELDS], number;
	unsigned int i;

	do {
		stop = memchr(at, '\n', end - at) ?: end;
		space = memchr(at, ' ', stop - at) ?: stop;
		for (i = 0; i < FIELDS; i++)
			if (strlen(fields[i]) == (size_t)(space - at) && !memcmp(fields[i], at, space - at))
				break;
		switch (number_in(space + 1, space == stop ? 0 : stop - space - 1, &number)) {
		case -ERANGE:
			large = 1;
			break;
		case -EINVAL:
			bad = 1;
		}
		if (i == FIELDS || set[i]) {
			bad = 1;
		} else {
			set[i] = 1;
			values[i] = number;
		}
		at = stop + 1;
	} while (stop < end);
	if (bad && large)
		return 1;
	if (!bad && !large && !is_cut)
		for (i = 0; i < FIELDS; i++)
			if (set[i])
				shown[i] = values[i];
	return bad ? -EINVAL : large ? -ERANGE : 0;
}

static int want_counter(void)
{
	size_t plus = text[0] == '+';
	u64 number;
	int status;

	/* Longer than any number that is worth an answer of its own. */
	if (size > 64)
		return -EINVAL;
	status = line() < plus ? -EINVAL : number_in(text + plus, line() - plus, &number);
	if (!status)
		status = !number ? -EINVAL : number > 1000000000 ? -ERANGE : 0;
	if (!status && !is_cut)
		counter = number;
	return status;
}

static int want_clear(void)
{
	return (size == 1 || (size == 2 && text[1] == '\n')) && text[0] == '/' ? 0 : -EINVAL;
}

static int want_order(void)
{
	size_t len = line(), i;
	const char *name = text;
	int on = *name != '-', *is_on;

	if (len && (*name == '-' || *name == '+')) {
		name++;
		len--;
	}
	if (!len || len > 127)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!name[i] || strchr("/: \t\n\v\f\r", name[i]))
			return -EINVAL;
	if (len == strlen(device) && !memcmp(name, device, len))
		is_on = &device_on;
	else if (len == strlen(other) && !memcmp(name, other, len))
		is_on = &other_on;
	else if (len == 2 && !memcmp(name, "lo", 2))
		/* Never on for long. */
		return on ? 1 : -ENOENT;
	else
		return -ENODEV;
	if (*is_on == on)
		return on ? -EEXIST : -ENOENT;
	if (!is_cut)
		*is_on = on;
	return 0;
}

/* --- What is read back. ----------------------------------------------------------------------- */

static char back[1 << 20];

/* Files that stay open: on a debug kernel to open one costs ten times what to write it does. */
static struct {
	char path[128];
	int fd;
} kept[FIELDS];
static unsigned int keeps;

/* -1: it does not stay open. */
static int kept_file(const char *path)
{
	unsigned int i;

	for (i = 0; i < keeps; i++)
		if (!strcmp(kept[i].path, path))
			return kept[i].fd;
	return -1;
}

static int open_file(const char *path, int flags)
{
	int stays = kept_file(path);
	int fd = stays < 0 ? open(path, flags) : dup(stays);

	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

static void keep(const char *path)
{
	if (kept_file(path) >= 0)
		return;
	kept[keeps].fd = open_file(path, O_RDWR);
	strcpy(kept[keeps++].path, path);
}

static void keep_none(void)
{
	while (keeps)
		close(kept[--keeps].fd);
}

static const char *read_all(const char *path)
{
	int fd = open_file(path, O_RDONLY);
	ssize_t some, done = 0;

	while ((some = pread(fd, back + done, sizeof(back) - 1 - done, done)) > 0)
		done += some;
	if (some < 0)
		die("%s: %m", path);
	close(fd);
	back[done] = 0;
	return back;
}

static u64 read_number(const char *path)
{
	const char *said = read_all(path);
	size_t len = strlen(said);
	u64 number;

	if (!len || said[len - 1] != '\n' || number_in(said, len - 1, &number))
		die("%s says \"%s\"", path, said);
	return number;
}

static void expect(const char *path, u64 want)
{
	u64 is = read_number(path);

	if (is != want)
		die("%s says %llu instead of %llu", path, is, want);
}

static void check_shown(void)
{
	const char *said;
	char want[128];
	unsigned int i;

	sprintf(want, "/sys/kernel/%s/statistics/all", device);
	said = read_all(want);
	for (i = 0; i < FIELDS; i++) {
		sprintf(want, "%s %llu\n", fields[i], shown[i]);
		if (strncmp(said, want, strlen(want)))
			die("all says \"%.40s\" instead of %s", said, want);
		said += strlen(want);
	}
	if (*said)
		die("all says more: \"%.40s\"", said);
	i = one_of(FIELDS);
	sprintf(want, "/sys/class/net/%s/statistics/%s", device, fields[i]);
	expect(want, shown[i]);
}

static void check_nout(const char *path)
{
	static const char header[] = "# protocol source destination device frames bytes\n";
	const char *said = read_all(path);
	unsigned int words;

	if (strncmp(said, header, strlen(header)))
		die("nout begins with \"%.60s\"", said);
	for (said += strlen(header); *said; said++) {
		for (words = 1; *said != '\n'; said++) {
			if (*said < ' ' || *said > '~')
				die("nout has byte %d", *said);
			words += *said == ' ';
		}
		if (words != 6)
			die("nout has a row of %u words", words);
	}
}

static void check_orders(const char *path)
{
	const char *said = read_all(path);
	char one[32] = "", two[32] = "", want[64];

	if (device_on)
		sprintf(one, "%.15s\n", device);
	if (other_on)
		sprintf(two, "%.15s\n", other);
	/* In the order in which they were switched on. */
	sprintf(want, "%s%s", one, two);
	if (!strcmp(said, want))
		return;
	sprintf(want, "%s%s", two, one);
	if (strcmp(said, want))
		die("update_stats says \"%s\"", said);
}

/* --- What is done. ---------------------------------------------------------------------------- */

static int write_to(const char *path, const char *from, size_t len)
{
	int fd = open_file(path, O_WRONLY), status = 0;
	ssize_t written = pwrite(fd, from, len, 0);

	if (written < 0)
		status = -errno;
	else if ((size_t)written != len)
		die("%s took %zd of %zu bytes", path, written, len);
	close(fd);
	return status;
}

/* Writes the text, its last byte out of reach where it is cut. */
static int noise(const char *path)
{
	char *from = text;

	if (is_cut) {
		from = text + 2 * TEXT_MAX + 1 - size;
		memmove(from, text, size - 1);
	}
	return write_to(path, from, size);
}

/* What the kernel itself parses: it may take it or leave it, but no half of it. */
static int any_answer(const char *path, u64 *is, u64 most)
{
	int status = noise(path);

	if (status && status != -EINVAL && status != -ERANGE && !(is_cut && status == -EFAULT))
		die("%s: %d", path, status);
	if (!status) {
		*is = read_number(path);
		if (is_cut || *is > most)
			die("%s took it, and says %llu", path, *is);
	}
	return status;
}

/* What must come of it; -EFAULT where it is cut, unless it is too long to be looked at. */
static int same(const char *path, int want)
{
	int status = noise(path);
	int fault = is_cut && status == -EFAULT;

	if (is_cut ? !fault && !(status == -EINVAL && size > 64) :
	    want == 1 ? status != -EINVAL && status != -ERANGE : status != want)
		die("%s: %d instead of %d%s", path, status, want, is_cut ? ", cut" : "");
	return status;
}

static int round_of(unsigned int kind, char *path)
{
	static const char parameter[] = "/sys/module/xt_pktstat/parameters/";
	unsigned int field = one_of(FIELDS);
	int status;

	switch (kind) {
	case 0:
		strcpy(path, "/sys/kernel/kstat/enabled");
		invent(put_switch);
		status = any_answer(path, &enabled, 1);
		if (!is_cut && text[0] && ((strchr("1yY", text[0]) && (status || !enabled)) ||
					   (strchr("0nN", text[0]) && (status || enabled))))
			die("enabled: %d", status);
		expect(path, enabled);
		return status;
	case 1:
		strcpy(path, "/proc/kstat/counter");
		invent(put_number);
		status = same(path, want_counter());
		expect(path, counter);
		return status;
	case 2:
		strcpy(path, "/proc/kstat/nout");
		invent(put_slash);
		status = same(path, want_clear());
		check_nout(path);
		return status;
	case 3:
		strcpy(path, "/sys/kernel/update_stats/update_stats");
		invent(put_order);
		/* The devices' files may go, and others come. */
		keep_none();
		status = want_order();
		if (status == 1) {
			status = noise(path);
			if (status && !(is_cut && status == -EFAULT))
				die("lo: %d", status);
			if (!status && write_to(path, "-lo", 3))
				die("lo stays on");
		} else {
			status = same(path, status);
		}
		check_orders(path);
		if (!device_on) {
			/* Its numbers are its own again. */
			memset(shown, 0, sizeof(shown));
			if (write_to(path, device, strlen(device)))
				die("%s stays off", device);
			device_on = 1;
		}
		check_shown();
		return status;
	case 4:
		sprintf(path, "/sys/kernel/%s/statistics/all", device);
		invent(put_batch);
		status = same(path, want_batch());
		check_shown();
		return status;
	case 5:
	case 6:
		sprintf(path, "%s%s", parameter, kind == 5 ? "max_memory" : "max_counters");
		invent(put_number);
		status = any_answer(path, &parameters[kind - 5], 0xffffffff);
		expect(path, parameters[kind - 5]);
		return status;
	default:
		sprintf(path, "/sys/kernel/%s/statistics/%s", device, fields[field]);
		invent(put_number);
		keep(path);
		status = same(path, want_field(field));
		expect(path, shown[field]);
		if (!one_of(16))
			check_shown();
		return status;
	}
}

static void write_noise(u64 from, u64 count)
{
	/* The last is a file of the device. The others are seldom: they wait for grace periods. */
	enum { KINDS = 8 };
	u64 taken[KINDS] = { 0 }, refused[KINDS] = { 0 }, all = 0;
	char path[128];
	unsigned int kind;

	for (now_at = from; now_at < from + count; now_at++) {
		begin(now_at);
		kind = one_of(60) ? KINDS - 1 : one_of(KINDS - 1);
		if (round_of(kind, path))
			refused[kind]++;
		else
			taken[kind]++;
		if ((now_at - from + 1) % 1000 == 0)
			printf("up to %llu of seed %llu\n", now_at, seed);
	}
	size = 0;
	for (kind = 0; kind < KINDS; kind++) {
		if (count >= 10000 && (!taken[kind] || !refused[kind]))
			die("writes of one kind only: %u", kind);
		all += taken[kind];
	}
	if (!all || all == count)
		die("writes of one kind only");
	printf("%llu writes of seed %llu, %llu taken\n", count, seed, all);
}

int main(int argc, char **argv)
{
	u64 from = 0, count = 1000;
	char path[128];
	unsigned int i;
	int option;

	while ((option = getopt(argc, argv, "s:f:n:")) != -1)
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			from = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	if (optind + 2 != argc)
		return 2;
	device = argv[optind];
	other = argv[optind + 1];
	setvbuf(stdout, NULL, _IOLBF, 0);

	/* Space for the longest text, and behind it a page that is not there. */
	text = mmap(NULL, 3 * TEXT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (text == MAP_FAILED || mprotect(text + 2 * TEXT_MAX, TEXT_MAX, PROT_NONE))
		die("mmap: %m");

	for (i = 0; i < FIELDS; i++) {
		sprintf(path, "/sys/kernel/%s/statistics/%s", device, fields[i]);
		shown[i] = read_number(path);
	}
	enabled = read_number("/sys/kernel/kstat/enabled");
	counter = read_number("/proc/kstat/counter");
	parameters[0] = read_number("/sys/module/xt_pktstat/parameters/max_memory");
	parameters[1] = read_number("/sys/module/xt_pktstat/parameters/max_counters");
	device_on = 1;
	sprintf(path, "/sys/kernel/%s/statistics", other);
	other_on = !access(path, F_OK);

	write_noise(from, count);

	check_shown();
	check_nout("/proc/kstat/nout");
	check_orders("/sys/kernel/update_stats/update_stats");
	return 0;
}
