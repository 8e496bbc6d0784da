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

static const char *const places[] = {
	[PLACE_REST] = "at rest",
	[PLACE_REST_IN_TRANSACTION] = "at rest in a transaction",
	[PLACE_IN_FLIGHT] = "a statement was on its way",
	[PLACE_UNDER_WAY] = "a statement was under way",
	[PLACE_SET_UP] = "just logged in",
};

static void
count_code(CodeCount *codes, const char *code, uint64_t count)
{
	int			i = 0;

	/* the last one takes what finds no place */
	while (i < MAX_CODES - 1 && codes[i].count > 0 && strcmp(codes[i].code, code) != 0)
		i++;
	snprintf(codes[i].code, sizeof(codes[i].code), "%s", i == MAX_CODES - 1 ? "other" : code);
	codes[i].count += count;
}

void
tally_end(Tally *tally, Place place, const char *code)
{
	tally->ends[place]++;
	count_code(tally->codes[place], code, 1);
}

uint64_t
tally_ends(const Tally *tally)
{
	uint64_t	sum = 0;

	for (int place = 0; place < PLACE_COUNT; place++)
		sum += tally->ends[place];
	return sum;
}

void
tally_add(Tally *sum, const Tally *tally)
{
	sum->logins += tally->logins;
	sum->failed_logins += tally->failed_logins;
	sum->sent += tally->sent;
	sum->answered += tally->answered;
	sum->kept += tally->kept;
	sum->errors += tally->errors;
	for (int place = 0; place < PLACE_COUNT; place++)
	{
		sum->ends[place] += tally->ends[place];
		for (int i = 0; i < MAX_CODES && tally->codes[place][i].count > 0; i++)
			count_code(sum->codes[place], tally->codes[place][i].code,
					   tally->codes[place][i].count);
	}
}

void
tally_print_ends(const Tally *tally)
{
	for (int place = 0; place < PLACE_COUNT; place++)
	{
		printf("  %-34s %10" PRIu64, places[place], tally->ends[place]);
		for (int i = 0; i < MAX_CODES && tally->codes[place][i].count > 0; i++)
			printf("%s %s %" PRIu64, i == 0 ? "  SQLSTATE" : ",",
				   tally->codes[place][i].code, tally->codes[place][i].count);
		putchar('\n');
	}
}
