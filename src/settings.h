/*-------------------------------------------------------------------------
 *
 * settings.h
 *		Every setting of postgresql.conf, and what it means.
 *
 * docs/configuration.md has an entry for each; scripts/lint compares them.
 *
 * IDENTIFICATION
 *	  src/settings.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_SETTINGS_H
#define GOV_SETTINGS_H

#include "core/policy_data.h"

typedef enum GovLogDecisions
{
	GOV_LOG_DECISIONS_OFF,
	GOV_LOG_DECISIONS_REFUSALS,
	GOV_LOG_DECISIONS_ALL,
} GovLogDecisions;

extern int	gov_settings_mode;				/* governor.mode, a GovMode */
extern char *gov_settings_database;			/* governor.database */
extern int	gov_settings_sweep_interval;	/* governor.sweep_interval, milliseconds */
extern int	gov_settings_log_decisions;		/* governor.log_decisions, a GovLogDecisions */
extern int	gov_settings_event_buffer;		/* governor.event_buffer, events; 0 if not preloaded */
extern int	gov_settings_max_breakers;		/* governor.max_breakers; 0 if not preloaded */

/*
 * Defines the settings and reserves the prefix.  Called once by _PG_init; the
 * ones that size shared memory exist only if the library is preloaded.
 */
extern void gov_settings_define(bool preloaded);

/* The mode in force for a class: the weaker of the global one and its own. */
extern GovMode gov_settings_mode_of(const GovClass *class);

/* The word for a mode, as postgresql.conf and the tables write it. */
extern const char *gov_settings_mode_name(GovMode mode);

#endif							/* GOV_SETTINGS_H */
