/*-------------------------------------------------------------------------
 *
 * settings.c
 *		Every setting of postgresql.conf, and what it means.
 *
 * Owns: the variables behind governor.*.  Runs in: every process.
 *
 * Settings that loosen or tighten what is done to sessions are PGC_SIGHUP:
 * a governed session cannot change its own.  A check hook rejects a value at
 * ALTER SYSTEM and at reload; at server start the default is kept with a
 * WARNING, so a typo never stops the server.
 *
 * IDENTIFICATION
 *	  src/settings.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "settings.h"

#include "utils/guc.h"

StaticAssertDecl(GOV_NAME_SIZE == NAMEDATALEN, "GOV_NAME_SIZE must be NAMEDATALEN");

int			gov_settings_mode = GOV_MODE_OBSERVE;
char	   *gov_settings_database = NULL;
int			gov_settings_sweep_interval = 1000;
int			gov_settings_log_decisions = GOV_LOG_DECISIONS_OFF;
int			gov_settings_event_buffer = 0;
int			gov_settings_max_breakers = 0;

static const struct config_enum_entry mode_options[] = {
	{"off", GOV_MODE_OFF, false},
	{"observe", GOV_MODE_OBSERVE, false},
	{"enforce", GOV_MODE_ENFORCE, false},
	{NULL, 0, false},
};

static const struct config_enum_entry log_decisions_options[] = {
	{"off", GOV_LOG_DECISIONS_OFF, false},
	{"refusals", GOV_LOG_DECISIONS_REFUSALS, false},
	{"all", GOV_LOG_DECISIONS_ALL, false},
	{NULL, 0, false},
};

/* Only the form can be checked here: the postmaster has no catalog. */
static bool
check_database(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0')
	{
		GUC_check_errdetail("The name of the database is empty.");
		GUC_check_errhint("Name the database whose policy tables count, for example \"postgres\".");
		return false;
	}
	if (strlen(*newval) >= NAMEDATALEN)
	{
		GUC_check_errdetail("The name of a database has at most %d bytes.", NAMEDATALEN - 1);
		GUC_check_errhint("Name the database whose policy tables count, for example \"postgres\".");
		return false;
	}
	return true;
}

void
gov_settings_define(bool preloaded)
{
	DefineCustomEnumVariable("governor.mode",
							 gettext_noop("Sets what is done to sessions: nothing, watching, or governing."),
							 gettext_noop("The mode in force for a class is the weaker of this one and the class's own.  "
										  "In \"observe\" decisions are computed and shown, and nothing is refused, delayed or ended.  "
										  "\"off\" is the emergency switch."),
							 &gov_settings_mode, GOV_MODE_OBSERVE, mode_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);

	DefineCustomStringVariable("governor.database",
							   gettext_noop("Names the database whose policy tables count."),
							   gettext_noop("The tables of other databases are kept, and not in force."),
							   &gov_settings_database, "postgres",
							   PGC_SIGHUP, 0, check_database, NULL, NULL);

	DefineCustomIntVariable("governor.sweep_interval",
							gettext_noop("Sets the longest time between two looks at all sessions."),
							gettext_noop("The governor wakes earlier when a deadline is nearer, and not at all when nothing is governed."),
							&gov_settings_sweep_interval, 1000, 50, 60000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomEnumVariable("governor.log_decisions",
							 gettext_noop("Sets which decisions are written to the server log."),
							 gettext_noop("\"all\" is a complete audit; sessions that were ended are always in the log."),
							 &gov_settings_log_decisions, GOV_LOG_DECISIONS_OFF, log_decisions_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);

	if (preloaded)
	{
		DefineCustomIntVariable("governor.max_breakers",
								gettext_noop("Sets how many circuit breakers there may be, and how many rate limits."),
								gettext_noop("A breaker takes about 5 kB of shared memory, a rate limit 1 kB."),
								&gov_settings_max_breakers, 128, 0, GOV_MAX_BREAKERS,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);

		DefineCustomIntVariable("governor.event_buffer",
								gettext_noop("Sets how many events governor.events remembers."),
								gettext_noop("The oldest event makes room for a new one.  An event takes about 500 bytes of shared memory."),
								&gov_settings_event_buffer, 1000, 16, 1000000,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
	}

	MarkGUCPrefixReserved("governor");
}

GovMode
gov_settings_mode_of(const GovClass *class)
{
	return Min((GovMode) gov_settings_mode, class->mode);
}

const char *
gov_settings_mode_name(GovMode mode)
{
	return mode_options[mode].name;
}
