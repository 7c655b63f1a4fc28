/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hostile.c invents, and who sends it. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stddef.h>
#include "../../c_shim/xt_pktstat.h"

/* A match that is valid around its config and hostile inside it. */
struct input {
	const char *name;
	unsigned int revision;
	union {
		struct xt_pktstat_info1 info;
		unsigned char bytes[2048];
	};
	unsigned int size;	/* of the config, as it is sent */

	/* What follows is refused, and what came before it must be undone. */
	enum { ALONE, BEFORE_BAD_MATCH, BEFORE_BAD_RULE } company;
	int aside;		/* nftables: in a chain that no hook calls */
};

/* A way to send rules; each function for the one family that it was opened with. */
struct backend {
	void (*open)(int family);
	/* Adds a rule, or what is more than one: 0 or an error. */
	int (*add)(const struct input *input);
	/* The config of the one rule that there is, as the kernel shows it. */
	void (*show)(struct xt_pktstat_info1 *info);
	/* Removes all rules; what they referred to may go later. */
	int (*clear)(void);
	/* What the size of a config is a multiple of. */
	unsigned int step;
};

extern const struct backend legacy, nft;

/* A config that is refused whatever the one beside it is. */
struct xt_pktstat_info1 bad_info(void);

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif /* HOSTILE_H */
