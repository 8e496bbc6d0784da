/*-------------------------------------------------------------------------
 *
 * json.c
 *		The summary of a run as JSON.
 *
 * Keys are stable; durations are milliseconds with the unit in the key, and
 * absent latencies are null.
 *
 * IDENTIFICATION
 *	  bench/fleet/json.c
 *
 *-------------------------------------------------------------------------
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct
{
	FILE	   *file;
	int			depth;
	bool		comma;			/* a sibling stands before */
}			json;

/* --------------------------------------------------------------- writing */

static void
put_string(const char *text)
{
	fputc('"', json.file);
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c == '"' || c == '\\')
			fprintf(json.file, "\\%c", c);
		else if (c < 0x20)
			fprintf(json.file, "\\u%04x", c);
		else
			fputc(c, json.file);
	}
	fputc('"', json.file);
}

/* A new line for the next member; key is NULL in arrays and at the top. */
static void
put_key(const char *key)
{
	if (json.comma)
		fputc(',', json.file);
	if (json.depth > 0)
		fprintf(json.file, "\n%*s", json.depth * 2, "");
	if (key != NULL)
	{
		put_string(key);
		fputs(": ", json.file);
	}
	json.comma = true;
}

static void
open_group(const char *key, char bracket)
{
	put_key(key);
	fputc(bracket, json.file);
	json.depth++;
	json.comma = false;
}

static void
close_group(char bracket)
{
	json.depth--;
	if (json.comma)
		fprintf(json.file, "\n%*s", json.depth * 2, "");
	fputc(bracket, json.file);
	json.comma = true;
}

static void
put_text(const char *key, const char *value)
{
	put_key(key);
	put_string(value);
}

static void
put_count(const char *key, uint64_t value)
{
	put_key(key);
	fprintf(json.file, "%" PRIu64, value);
}

static void
put_number(const char *key, double value)
{
	put_key(key);
	fprintf(json.file, "%.3f", value);
}

static void
put_flag(const char *key, bool value)
{
	put_key(key);
	fputs(value ? "true" : "false", json.file);
}

static void
put_milliseconds(const char *key, Usec duration)
{
	put_number(key, (double) duration / USEC_PER_MS);
}

/* --------------------------------------------------------------- contents */

static void
put_latency(const char *key, const Latency *latency)
{
	if (latency->count == 0)
	{
		put_key(key);
		fputs("null", json.file);
		return;
	}
	open_group(key, '{');
	put_count("count", latency->count);
	put_milliseconds("p50", latency_percentile(latency, 0.50));
	put_milliseconds("p95", latency_percentile(latency, 0.95));
	put_milliseconds("p99", latency_percentile(latency, 0.99));
	put_milliseconds("max", latency->max);
	close_group('}');
}

static void
put_codes(const char *key, const CodeTable *table)
{
	open_group(key, '[');
	for (size_t i = 0; i < table->length; i++)
	{
		open_group(NULL, '{');
		put_text("code", table->rows[i].first.code);
		put_count("count", table->rows[i].count);
		put_text("message", table->rows[i].first.message);
		close_group('}');
	}
	close_group(']');
}

static void
put_work(const char *key, const Work *work)
{
	open_group(key, '{');
	put_count("ok", work->ok);
	put_count("failed", work->failed);
	put_latency("latency_ms", &work->latency);
	close_group('}');
}

static void
put_options(const Options *options)
{
	static const char *const protocols[] = {
		[PROTOCOL_SIMPLE] = "simple",
		[PROTOCOL_EXTENDED] = "extended",
		[PROTOCOL_PREPARED] = "prepared",
	};

	open_group("options", '{');
	put_count("environments", (uint64_t) options->environments);
	put_number("arrival_rate", options->arrival_rate);
	put_milliseconds("cold_start_ms", options->cold_start);
	put_milliseconds("second_wave_after_ms", options->second_wave_after);
	put_count("invocations", (uint64_t) options->invocations);
	put_milliseconds("duration_ms", options->duration);
	put_milliseconds("think_ms", options->think);
	put_text("protocol", protocols[options->protocol]);
	open_group("statements", '[');
	for (int i = 0; i < options->script.length; i++)
		put_text(NULL, options->script.statements[i].text);
	close_group(']');
	put_milliseconds("freeze_after_ms", options->freeze_after);
	put_milliseconds("thaw_after_ms", options->thaw_after);
	put_milliseconds("give_up_ms", options->give_up);
	put_milliseconds("backoff_min_ms", options->backoff_min);
	put_milliseconds("backoff_max_ms", options->backoff_max);
	put_count("app_pool", (uint64_t) options->app_pool);
	put_milliseconds("app_think_ms", options->app_think);
	put_milliseconds("human_login_interval_ms", options->human_interval);
	put_milliseconds("warm_up_ms", options->warm_up);
	put_count("seed", options->seed);
	close_group('}');
}

static void
put_fleet(const Tally *tally)
{
	static const char *const losses[LOSSES] = {
		[LOSS_RESTING] = "resting",
		[LOSS_AT_USE] = "at_use",
		[LOSS_AT_THAW] = "at_thaw",
		[LOSS_FROZEN] = "frozen",
		[LOSS_WORKING] = "working",
	};

	open_group("waves", '[');
	for (int i = 0; i < WAVES; i++)
	{
		const WaveTally *wave = &tally->waves[i];

		if (wave->planned == 0)
			continue;
		open_group(NULL, '{');
		put_count("planned", wave->planned);
		put_count("served", wave->served);
		put_count("never_served", wave->planned - wave->served);
		put_count("unfinished", wave->planned - wave->settled);
		close_group('}');
	}
	close_group(']');
	put_work("invocations", &tally->invocations);
	put_codes("invocation_faults", &tally->invocation_faults);
	open_group("connects", '{');
	put_count("attempts", tally->attempts);
	put_count("connected", tally->connect.count);
	put_latency("latency_ms", &tally->connect);
	put_codes("faults", &tally->connect_faults);
	close_group('}');
	open_group("losses", '{');
	for (int i = 0; i < LOSSES; i++)
		put_codes(losses[i], &tally->losses[i]);
	close_group('}');
	open_group("endings", '{');
	for (int i = 0; i < ENDINGS; i++)
	{
		open_group(ending_name((Ending) i), '{');
		put_count("planned", tally->endings[i].planned);
		put_count("reached", tally->endings[i].reached);
		put_count("missed", tally->endings[i].missed);
		close_group('}');
	}
	close_group('}');
	put_codes("ending_faults", &tally->ending_faults);
	put_count("frozen_alive", tally->frozen_alive);
	open_group("thaws", '{');
	put_count("alive", tally->thaws[THAW_ALIVE]);
	put_count("dead", tally->thaws[THAW_DEAD]);
	put_count("without", tally->thaws[THAW_WITHOUT]);
	close_group('}');
}

static void
put_bystanders(const Tally *tally)
{
	put_work("app", &tally->app);
	put_codes("app_faults", &tally->app_faults);
	put_codes("app_connect_faults", &tally->app_connect_faults);
	put_codes("app_sessions_lost", &tally->app_losses);
	put_count("app_sessions_open_at_end", tally->app_open_at_end);
	put_milliseconds("app_longest_unanswered_ms", tally->app_longest_unanswered);
	put_work("human", &tally->human[0]);
	put_codes("human_faults", &tally->human_faults[0]);
	put_work("human_2", &tally->human[1]);
	put_codes("human_2_faults", &tally->human_faults[1]);
}

static void
put_phases(const Tally *tally, const RunFacts *facts)
{
	open_group("phases", '[');
	for (int i = 0; i < tally->phase_count; i++)
	{
		const Phase *phase = &tally->phases[i];

		open_group(NULL, '{');
		put_text("name", phase->name);
		put_milliseconds("from_ms", phase->from - facts->begun);
		put_milliseconds("to_ms", phase->to - facts->begun);
		put_work("invocations", &phase->invocations);
		put_work("app", &phase->app);
		put_work("human", &phase->human[0]);
		put_work("human_2", &phase->human[1]);
		close_group('}');
	}
	close_group(']');
}

void
json_write(const char *path, const Options *options, const Tally *tally, const RunFacts *facts)
{
	bool		broken;

	json.file = fopen(path, "w");
	if (json.file == NULL)
		die("could not write \"%s\": %s", path, strerror(errno));
	json.depth = 0;
	json.comma = false;
	open_group(NULL, '{');
	put_flag("completed", !facts->interrupted);
	put_milliseconds("run_ms", facts->ended - facts->begun);
	put_options(options);
	put_fleet(tally);
	put_bystanders(tally);
	put_phases(tally, facts);
	put_number("simulator_cpu_seconds", facts->cpu_seconds);
	put_latency("simulator_late_ms", facts->lateness);
	close_group('}');
	fputc('\n', json.file);
	broken = ferror(json.file) != 0;
	if (fclose(json.file) != 0 || broken)
		die("could not write \"%s\": %s", path, strerror(errno));
}
