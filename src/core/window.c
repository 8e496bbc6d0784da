/*-------------------------------------------------------------------------
 *
 * window.c
 *		So many in any period: limits on a rate, several at once.
 *
 * Owns: nothing; pure.                   Runs in: backends, under a lock.
 *
 * IDENTIFICATION
 *	  src/core/window.c
 *-------------------------------------------------------------------------
 */
#include "core/window.h"

#include <string.h>

#define RING			(GOV_WINDOW_BUCKETS + 1)
#define MAX_COUNT		INT64_C(1000000)
#define MAX_LENGTH		INT64_C(99999)

static const char *
skip_spaces(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

/* A number without sign; false if there is none, or one beyond the limit. */
static bool
read_number(const char **text, int64_t limit, int64_t *number)
{
	const char *c = *text;

	*number = 0;
	for (; *c >= '0' && *c <= '9'; c++)
	{
		*number = *number * 10 + (*c - '0');
		if (*number > limit)
			return false;
	}
	if (c == *text)
		return false;
	*text = c;
	return true;
}

static bool
read_unit(const char **text, GovTime *unit)
{
	static const struct
	{
		const char *name;
		GovTime		length;
	}			units[] =
	{
		{"ms", GOV_MSEC},
		{"s", GOV_SECOND},
		{"m", 60 * GOV_SECOND},
		{"min", 60 * GOV_SECOND},
		{"h", 3600 * GOV_SECOND},
	};
	size_t		length = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strlen(units[i].name) == length && strncmp(*text, units[i].name, length) == 0)
		{
			*unit = units[i].length;
			*text += length;
			return true;
		}
	}
	return false;
}

const char *
gov_window_parse(const char *text, GovLimits *limits)
{
	memset(limits, 0, sizeof(*limits));

	for (;;)
	{
		GovLimit   *limit = &limits->limits[limits->n];
		int64_t		length = 1;
		GovTime		unit;

		if (limits->n == GOV_WINDOW_LIMITS)
			return "it has more than 4 limits";
		text = skip_spaces(text);
		if (!read_number(&text, MAX_COUNT, &limit->count) || limit->count == 0)
			return "a count is a whole number from 1 to 1000000";
		text = skip_spaces(text);
		if (*text++ != '/')
			return "a limit is written count/period";
		text = skip_spaces(text);
		if (*text >= '0' && *text <= '9' && (!read_number(&text, MAX_LENGTH, &length) || length == 0))
			return "a period is 1 to 99999 of its unit";
		text = skip_spaces(text);
		if (!read_unit(&text, &unit))
			return "a period has a unit: ms, s, m or h";
		limit->period = length * unit;
		limits->n++;

		text = skip_spaces(text);
		if (*text == '\0')
			return NULL;
		if (*text++ != ',')
			return "limits are separated by commas";
	}
}

/* Where a bucket's takes are counted. */
static int
place(int64_t bucket)
{
	return (int) ((bucket % RING + RING) % RING);
}

/* Rounded up, so that so many buckets cover the period. */
static GovTime
bucket_length(const GovLimit *limit)
{
	return (limit->period + GOV_WINDOW_BUCKETS - 1) / GOV_WINDOW_BUCKETS;
}

/*
 * Lets go of what has left the period.  If the clock was set back a little,
 * the present bucket stays the latest there was; if by more, or far ahead,
 * nothing of what was taken has a place in time any more.
 */
static void
advance(GovWindow *window, GovTime length, GovTime now)
{
	int64_t		bucket = now / length;

	if (bucket >= window->last + RING || bucket < window->last - RING)
		memset(window->used, 0, sizeof(window->used));
	else
	{
		for (int64_t gone = window->last + 1; gone <= bucket; gone++)
			window->used[place(gone)] = 0;
		if (bucket < window->last)
			return;
	}
	window->last = bucket;
}

static int64_t
used(const GovWindow *window)
{
	int64_t		sum = 0;

	for (int i = 0; i < RING; i++)
		sum += window->used[i];
	return sum;
}

GovTime
gov_window_ready_at(GovWindows *taken, const GovLimits *limits, int64_t amount, GovTime now)
{
	GovTime		ready_at = now;

	for (int i = 0; i < limits->n; i++)
	{
		const GovLimit *limit = &limits->limits[i];
		GovWindow  *window = &taken->windows[i];
		GovTime		length = bucket_length(limit);
		int64_t		left;

		if (amount > limit->count)
			return GOV_NEVER;
		advance(window, length, now);
		left = used(window);

		/* the oldest bucket goes first, RING buckets after it was the present one */
		for (int64_t bucket = window->last - RING + 1; left + amount > limit->count; bucket++)
		{
			GovTime		gone_at = (bucket + RING) * length;

			left -= window->used[place(bucket)];
			if (gone_at > ready_at)
				ready_at = gone_at;
		}
	}
	return ready_at;
}

bool
gov_window_take(GovWindows *taken, const GovLimits *limits, int64_t amount, GovTime now)
{
	if (gov_window_ready_at(taken, limits, amount, now) > now)
		return false;
	for (int i = 0; i < limits->n; i++)
	{
		GovWindow  *window = &taken->windows[i];

		window->used[place(window->last)] += amount;
	}
	return true;
}

int64_t
gov_window_remaining(GovWindows *taken, const GovLimits *limits, GovTime now)
{
	int64_t		remaining = INT64_MAX;

	for (int i = 0; i < limits->n; i++)
	{
		GovWindow  *window = &taken->windows[i];
		int64_t		left;

		advance(window, bucket_length(&limits->limits[i]), now);
		left = limits->limits[i].count - used(window);
		if (left < remaining)
			remaining = left;
	}

	/* a limit that was lowered may have granted more before */
	return remaining < 0 ? 0 : remaining;
}

double
gov_window_pace(const GovLimits *limits)
{
	double		pace = 0;

	for (int i = 0; i < limits->n; i++)
	{
		const GovLimit *limit = &limits->limits[i];
		double		per_second = (double) limit->count * GOV_SECOND / (double) limit->period;

		if (limit->period <= GOV_SECOND && (pace == 0 || per_second < pace))
			pace = per_second;
	}
	return pace;
}
