/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inventions that come again: each has its own state, so that a run can be resumed at any. */
#ifndef SEEDED_H
#define SEEDED_H

/* What was given, and where in it we are. */
static unsigned long long seed = 1, state, now_at;

/* splitmix64. */
static unsigned long long any(void)
{
	unsigned long long z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int one_of(unsigned int n)
{
	return any() % n;
}

static void begin(unsigned long long number)
{
	state = seed + number * 0x632be59bd9b4e019ULL;
}

#endif /* SEEDED_H */
