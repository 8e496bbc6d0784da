/*-------------------------------------------------------------------------
 *
 * tally.c
 *		What the sessions under fire saw.
 *
 * IDENTIFICATION
 *	  bench/hammer/tally.c
 *-------------------------------------------------------------------------
 */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Tally		tally;

static const char *const places[] = {
	[PLACE_REST] = "at rest",
	[PLACE_REST_IN_TRANSACTION] = "at rest in a transaction",
	[PLACE_IN_FLIGHT] = "a statement was on its way",
	[PLACE_BEFORE_SYNC] = "between Execute and Sync",
	[PLACE_SET_UP] = "just logged in",
};

void
tally_end(Place place, const char *code)
{
	CodeCount  *codes = tally.codes[place];
	int			i = 0;

	tally.ends[place]++;

	/* the last one takes what finds no place */
	while (i < MAX_CODES - 1 && codes[i].count > 0 && strcmp(codes[i].code, code) != 0)
		i++;
	snprintf(codes[i].code, sizeof(codes[i].code), "%s", i == MAX_CODES - 1 ? "other" : code);
	codes[i].count++;
}

uint64_t
tally_ends(void)
{
	uint64_t	sum = 0;

	for (int place = 0; place < PLACE_COUNT; place++)
		sum += tally.ends[place];
	return sum;
}

void
tally_print_ends(void)
{
	for (int place = 0; place < PLACE_COUNT; place++)
	{
		printf("  %-34s %10" PRIu64, places[place], tally.ends[place]);
		for (int i = 0; i < MAX_CODES && tally.codes[place][i].count > 0; i++)
			printf("%s %s %" PRIu64, i == 0 ? "  SQLSTATE" : ",",
				   tally.codes[place][i].code, tally.codes[place][i].count);
		putchar('\n');
	}
}
