// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drives the extension as iptables does, without a kernel.
 *
 *	drive 4|6 legacy|nft ARGUMENT... [, ARGUMENT...]...
 *
 * Each group of arguments is a rule (only matches). For each match it prints
 * how the rule is saved, how it is listed, and how many bytes of it iptables
 * would compare; for nft, at the end, how many it compares at commit. What is
 * not said here by calls into libxtables mirrors iptables' xshared.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xtables.h>

/* Gap that libxtables leaves between the options of two extensions. */
#define SCALE 256
#define HEAD XT_ALIGN(sizeof(struct xt_entry_match))

static struct option options[] = {
	{ "match", required_argument, NULL, 'm' },
	{ }
};

static void __attribute__((noreturn, format(printf, 2, 3)))
exit_err(enum xtables_exittype status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(status);
}

/*
 * The kernel, as xtables_compatible_revision() asks it: it has every revision,
 * or NEWEST_REVISION and those before it.
 */
int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	const struct xt_get_revision *asked = value;
	const char *newest = getenv("NEWEST_REVISION");

	(void)fd, (void)level, (void)name, (void)size;
	if (!newest || asked->revision <= atoi(newest))
		return 0;
	errno = EPROTONOSUPPORT;
	return -1;
}

static int every_revision(const char *name, uint8_t revision, int option)
{
	return 1;
}

static struct xtables_globals globals = {
	.program_name = "drive",
	.program_version = "0",
	.orig_opts = options,
	.exit_err = exit_err,
};

static struct xt_entry_match *blank(const struct xtables_match *match)
{
	struct xt_entry_match *m = xtables_calloc(1, HEAD + match->size);

	m->u.match_size = HEAD + match->size;
	strcpy(m->u.user.name, match->name);
	m->u.user.revision = match->revision;
	return m;
}

static void add_match(struct xtables_rule_match **matches)
{
	struct xtables_match *match = xtables_find_match(optarg,
			XTF_LOAD_MUST_SUCCEED, matches);

	match->m = blank(match);
	if (match->init)
		match->init(match->m);
	if (match == match->next)
		return;
	globals.opts = xtables_merge_options(globals.orig_opts, globals.opts,
					     match->extra_opts,
					     &match->option_offset);
}

static void add_option(int c, char **argv, bool invert,
		       struct xtables_rule_match *each)
{
	for (; each; each = each->next) {
		struct xtables_match *match = each->match;

		if (each->completed || c < match->option_offset ||
		    c >= match->option_offset + SCALE)
			continue;
		xtables_option_mpcall(c, argv, invert, match, NULL);
		return;
	}
	exit_err(PARAMETER_PROBLEM, "unknown option \"%s\"", argv[optind - 1]);
}

static void rule(int argc, char **argv)
{
	struct xtables_rule_match *matches = NULL, *each;
	struct xtables_match *known;
	bool invert = false;
	int c;

	for (known = xtables_matches; known; known = known->next)
		known->mflags = 0;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "-:m:",
				globals.opts ? globals.opts : options,
				NULL)) != -1) {
		if (c == 1 && strcmp(optarg, "!") == 0) {
			invert = true;
			continue;
		}
		if (c == 'm')
			add_match(&matches);
		else
			add_option(c, argv, invert, matches);
		invert = false;
	}
	for (each = matches; each; each = each->next)
		xtables_option_mfcall(each->match);
	for (each = matches; each; each = each->next) {
		const struct xtables_match *match = each->match;

		match->save(NULL, match->m);
		printf(" |");
		match->print(NULL, match->m, 0);
		printf(" | %zu\n", match->userspacesize);
	}
	xtables_rule_matches_free(&matches);
	xtables_free_opts(1);
}

/* Two rules of a commit, one of them dumped from the kernel. */
static void commit(void)
{
	struct xtables_rule_match *matches = NULL, *each;
	int i;

	for (i = 0; i < 2; i++) {
		struct xtables_match *match = xtables_find_match("pktstat",
				XTF_TRY_LOAD, &matches);

		match->m = blank(match);
	}
	for (each = matches; each; each = each->next)
		printf("commit | %zu\n", each->match->userspacesize);
	xtables_rule_matches_free(&matches);
}

int main(int argc, char **argv)
{
	bool nft = argc > 2 && strcmp(argv[2], "nft") == 0;
	int i, first = 2;

	if (argc < 3)
		return 64;
	globals.compat_rev = nft ? every_revision : xtables_compatible_revision;
	if (xtables_init_all(&globals, argv[1][0] == '6' ? NFPROTO_IPV6 :
			     argv[1][0] == '4' ? NFPROTO_IPV4 : NFPROTO_ARP))
		return 65;
	for (i = 3; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], ",") != 0)
			continue;
		argv[i] = NULL;
		rule(i - first, argv + first);
		first = i;
	}
	if (nft)
		commit();
	return 0;
}
