/*-------------------------------------------------------------------------
 *
 * population.c
 *		All environments: who they are, how they will end, when they arrive.
 *
 * Owns: the array of environments.
 *
 * With the same options and seed, environment number N has the same name, the
 * same ending and the same stream of chance in every run.
 *
 * IDENTIFICATION
 *	  bench/fleet/population.c
 *
 *-------------------------------------------------------------------------
 */
#include "population.h"

#include "environment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct
{
	const Options *options;
	const PopulationCalls *calls;
	Environment *all;
	int			count;
	int			settled;
	int			finished;
}			population;

/* Exactly the shares asked for, in an order of chance. */
static void
plan_endings(Environment *wave, int count)
{
	Chance		chance = chance_stream(population.options->seed, (uint64_t) (wave - population.all));
	int			percent = 0;
	int			at = 0;

	for (int ending = 0; ending < ENDINGS; ending++)
	{
		percent += population.options->ending_share[ending];
		while (at < (int) (((int64_t) count * percent + 50) / 100))
			wave[at++].ending = (Ending) ending;
	}
	for (int i = count - 1; i > 0; i--)
	{
		int			j = (int) chance_between(&chance, 0, i);
		Ending		swap = wave[i].ending;

		wave[i].ending = wave[j].ending;
		wave[j].ending = swap;
	}
}

/* The number makes the instance unique, chance makes it differ between seeds. */
static void
give_name(Environment *self, int number)
{
	const Options *options = population.options;
	uint64_t	instance = (chance_next(&self->chance) << 20 | (uint64_t) number) &
		UINT64_C(0xffffffffffff);

	snprintf(self->name, sizeof(self->name), "faas:%s:%s:%s:%0*" PRIx64,
			 options->platform, options->function,
			 self->wave == 0 ? options->version : options->second_version,
			 INSTANCE_DIGITS, instance);
}

static void
on_settled(void)
{
	if (++population.settled == population.count)
		population.calls->ready();
}

static void
on_finished(void)
{
	if (++population.finished == population.count)
		population.calls->finished();
}

void
population_open(const Options *options, int waves, const PopulationCalls *calls)
{
	static const EnvironmentCalls environment_calls = {
		.settled = on_settled,
		.finished = on_finished,
	};

	population.options = options;
	population.calls = calls;
	population.count = options->environments * waves;
	population.all = allocate((size_t) population.count, sizeof(Environment));
	for (int wave = 0; wave < waves; wave++)
		plan_endings(population.all + wave * options->environments, options->environments);
	for (int i = 0; i < population.count; i++)
	{
		Environment *self = &population.all[i];

		self->wave = i / options->environments;
		self->chance = chance_stream(options->seed, (uint64_t) i + WAVES * UINT64_C(1000000));
		give_name(self, i);
		environment_init(self, options, &environment_calls);
	}
}

void
population_start(int wave, Usec now)
{
	const Options *options = population.options;
	Environment *first = population.all + wave * options->environments;

	for (int i = 0; i < options->environments; i++)
	{
		Usec		wait = 0;

		if (options->arrival_rate > 0)
			wait = (Usec) (i * (double) USEC_PER_S / options->arrival_rate);
		environment_arrive(&first[i], now + wait);
	}
}

void
population_gauge(Gauges *gauges)
{
	memset(gauges, 0, sizeof(*gauges));
	for (int i = 0; i < population.count; i++)
	{
		switch (population.all[i].wire.state)
		{
			case WIRE_CONNECTING:
				gauges->connecting++;
				break;
			case WIRE_IDLE:
			case WIRE_BUSY:
				gauges->connected++;
				break;
			case WIRE_FROZEN:
				gauges->frozen++;
				break;
			case WIRE_CLOSED:
				break;
		}
	}
}

void
population_close(void)
{
	for (int i = 0; i < population.count; i++)
		environment_end(&population.all[i]);
	free(population.all);
	memset(&population, 0, sizeof(population));
}
