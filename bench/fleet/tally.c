/*-------------------------------------------------------------------------
 *
 * tally.c
 *		What happened: counts by outcome, latencies, phases.
 *
 * Owns: the one Tally.
 *
 * Invariants:
 * (1) A statement counts in the run, in the phase and in the second in which
 *     its answer came.
 * (2) ok + the total of the code table = all outcomes of that kind.
 *
 * IDENTIFICATION
 *	  bench/fleet/tally.c
 *
 *-------------------------------------------------------------------------
 */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

static Tally tally;

const Tally *
tally_read(void)
{
	return &tally;
}

void
tally_clear_second(void)
{
	Work	   *const works[] = {
		&tally.second_invocations, &tally.second_app, &tally.second_human[0], &tally.second_human[1]
	};

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
	{
		works[i]->ok = works[i]->failed = 0;
		latency_clear(&works[i]->latency);
	}
}

void
tally_free(void)
{
	CodeTable  *const tables[] = {
		&tally.ending_faults, &tally.invocation_faults, &tally.connect_faults,
		&tally.app_faults, &tally.app_connect_faults, &tally.app_losses,
		&tally.human_faults[0], &tally.human_faults[1]
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		free(tables[i]->rows);
	for (int i = 0; i < LOSSES; i++)
		free(tally.losses[i].rows);
	memset(&tally, 0, sizeof(tally));
}

/* A handful of codes in a run: a list is enough. */
static void
count_code(CodeTable *table, const Fault *fault)
{
	table->total++;
	for (size_t i = 0; i < table->length; i++)
	{
		if (strcmp(table->rows[i].first.code, fault->code) == 0)
		{
			table->rows[i].count++;
			return;
		}
	}
	table->rows = resize(table->rows, table->length + 1, sizeof(CodeCount));
	table->rows[table->length].first = *fault;
	table->rows[table->length].count = 1;
	table->length++;
}

static void
count_work(Work *work, Usec latency, const Fault *fault)
{
	if (fault != NULL)
		work->failed++;
	else
	{
		work->ok++;
		latency_add(&work->latency, latency);
	}
}

static Phase *
phase_now(void)
{
	/* Before the first phase everything goes to it: it is entered at once. */
	return &tally.phases[tally.phase_count > 0 ? tally.phase_count - 1 : 0];
}

void
tally_enter_phase(const char *name, Usec now)
{
	if (tally.phase_count > 0 && phase_now()->to == 0)
		phase_now()->to = now;
	if (name == NULL)
		return;
	if (tally.phase_count == PHASES)
		die("too many phases");
	tally.phase_count++;
	phase_now()->name = name;
	phase_now()->from = now;
}

/* ------------------------------------------------------------------ fleet */

void
tally_plan(int wave, Ending ending)
{
	tally.waves[wave].planned++;
	tally.endings[ending].planned++;
}

void
tally_served(int wave)
{
	tally.waves[wave].served++;
}

void
tally_settled(int wave, Ending ending, const Fault *fault)
{
	tally.waves[wave].settled++;
	tally.endings[ending].reached++;
	if (fault != NULL)
	{
		tally.endings[ending].missed++;
		count_code(&tally.ending_faults, fault);
	}
}

void
tally_thaw(Thaw thaw)
{
	tally.thaws[thaw]++;
}

void
tally_frozen_alive(void)
{
	tally.frozen_alive++;
}

void
tally_loss(Loss loss, const Fault *fault)
{
	count_code(&tally.losses[loss], fault);
}

void
tally_connect(Usec latency, const Fault *fault)
{
	tally.attempts++;
	if (fault != NULL)
		count_code(&tally.connect_faults, fault);
	else
		latency_add(&tally.connect, latency);
}

void
tally_invocation(Usec latency, const Fault *fault)
{
	count_work(&tally.invocations, latency, fault);
	count_work(&phase_now()->invocations, latency, fault);
	count_work(&tally.second_invocations, latency, fault);
	if (fault != NULL)
		count_code(&tally.invocation_faults, fault);
}

/* ------------------------------------------------------------- bystanders */

void
tally_app_connect(const Fault *fault)
{
	if (fault != NULL)
		count_code(&tally.app_connect_faults, fault);
	else
		tally.app_connects++;
}

void
tally_app_statement(Usec latency, const Fault *fault)
{
	count_work(&tally.app, latency, fault);
	count_work(&phase_now()->app, latency, fault);
	count_work(&tally.second_app, latency, fault);
	if (fault != NULL)
		count_code(&tally.app_faults, fault);
}

void
tally_app_loss(const Fault *fault)
{
	count_code(&tally.app_losses, fault);
}

void
tally_app_at_end(bool open, Usec unanswered)
{
	if (open)
		tally.app_open_at_end++;
	if (unanswered > tally.app_longest_unanswered)
		tally.app_longest_unanswered = unanswered;
}

void
tally_human(int who, Usec latency, const Fault *fault)
{
	count_work(&tally.human[who], latency, fault);
	count_work(&phase_now()->human[who], latency, fault);
	count_work(&tally.second_human[who], latency, fault);
	if (fault != NULL)
		count_code(&tally.human_faults[who], fault);
}

const char *
ending_name(Ending ending)
{
	static const char *const names[ENDINGS] = {
		[ENDING_IDLE] = "idle",
		[ENDING_TRANSACTION] = "transaction",
		[ENDING_DIE] = "die",
		[ENDING_QUIT] = "quit",
		[ENDING_LIVE] = "live",
	};

	return names[ending];
}
