/*-------------------------------------------------------------------------
 *
 * core.h
 *		What all pure decisions share: the unit of time and a few limits.
 *
 * Nothing below src/core includes a PostgreSQL header.  `now`, limits and
 * catalog facts are arguments, so that every decision can be tested outside
 * the server, at its boundaries and without waiting.
 *
 * IDENTIFICATION
 *	  src/core/core.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_CORE_H
#define GOV_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Points in time and durations are microseconds, as TimestampTz is.  A point
 * that never comes and a timeout that is not set are both GOV_NEVER, so that
 * the nearest deadline is simply the smallest one.
 */
typedef int64_t GovTime;

#define GOV_NEVER		INT64_MAX
#define GOV_MSEC		INT64_C(1000)
#define GOV_SECOND		INT64_C(1000000)

/* The same as NAMEDATALEN (checked in settings.c): names, and application_name */
#define GOV_NAME_SIZE	64

/* A point in time some way ahead of another; never overflows into the past. */
static inline GovTime
gov_time_after(GovTime start, GovTime duration)
{
	if (duration == GOV_NEVER || start == GOV_NEVER || start > GOV_NEVER - duration)
		return GOV_NEVER;
	return start + duration;
}

#endif							/* GOV_CORE_H */
