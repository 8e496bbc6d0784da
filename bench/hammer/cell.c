/*-------------------------------------------------------------------------
 *
 * cell.c
 *		A transport and a protocol: what is asked, and counted, on its own.
 *
 * IDENTIFICATION
 *	  bench/hammer/cell.c
 *-------------------------------------------------------------------------
 */
#include "cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Cell	   *cells;
int			ncells;

int64_t
answers_ended(const Answers *answers)
{
	return answers->requested + answers->idle + answers->idle_in_transaction;
}

int64_t
answers_all(const Answers *answers)
{
	return answers->declined + answers_ended(answers);
}

void
cells_make(void)
{
	cells = allocate((size_t) (options.ntransports * options.nprotocols), sizeof(Cell));
	for (int i = 0; i < options.ntransports; i++)
	{
		for (int j = 0; j < options.nprotocols; j++)
		{
			Cell	   *cell = &cells[ncells++];

			cell->transport = &options.transports[i];
			cell->protocol = options.protocols[j];
			snprintf(cell->name, sizeof(cell->name), CELL_PREFIX "%s_%s",
					 cell->transport->name, protocol_name(cell->protocol));
		}
	}
}

void
cells_sum(Cell *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < ncells; i++)
	{
		const Cell *cell = &cells[i];

		tally_add(&sum->tally, &cell->tally);
		sum->truth.began += cell->truth.began;
		sum->truth.finished += cell->truth.finished;
		sum->truth.kept += cell->truth.kept;
		sum->answers.declined += cell->answers.declined;
		sum->answers.requested += cell->answers.requested;
		sum->answers.idle += cell->answers.idle;
		sum->answers.idle_in_transaction += cell->answers.idle_in_transaction;
	}
}

bool
cell_is_clean(const Cell *cell)
{
	return cell->truth.began == cell->truth.finished &&
		cell->truth.began == (int64_t) cell->tally.answered &&
		cell->truth.kept == (int64_t) cell->tally.kept &&
		cell->tally.errors == 0 && cell->tally.ends[PLACE_UNDER_WAY] == 0;
}

void
cells_print(void)
{
	printf("%-9s %-9s %8s %8s %7s %8s %8s %8s %8s  %s\n", "transport", "protocol",
		   "asked", "declined", "ended", "began", "finished", "answered", "rows", "role");
	for (int i = 0; i < ncells; i++)
	{
		const Cell *cell = &cells[i];

		printf("%-9s %-9s %8" PRId64 " %8" PRId64 " %7" PRIu64
			   " %8" PRId64 " %8" PRId64 " %8" PRIu64 " %8" PRId64 "  %s%s\n",
			   cell->transport->name, protocol_name(cell->protocol),
			   answers_all(&cell->answers), cell->answers.declined,
			   options_governed() ? (uint64_t) answers_ended(&cell->answers) : tally_ends(&cell->tally),
			   cell->truth.began, cell->truth.finished, cell->tally.answered, cell->truth.kept,
			   cell->name, cell_is_clean(cell) ? "" : "  NOT CLEAN");
	}
	for (int i = 0; i < ncells; i += options.nprotocols)
		printf("%s: %s\n", cells[i].transport->name, cells[i].seen);
}
