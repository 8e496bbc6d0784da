/*-------------------------------------------------------------------------
 *
 * guard.c
 *		The circuit breaker that guards a class: its logins and transactions.
 *
 *		a login				refused while the breaker is open; half open, it
 *							holds a permit until it is done				[gov_guard_login]
 *		a transaction		asks when its first statement begins		[gov_guard_begin]
 *		an error			is remembered until its transaction ends	[on_log]
 *		a transaction ends	and is reported								[gov_guard_end]
 *		the session ends	in the middle: the permit is given back		[gov_guard_at_exit]
 *
 * Owns: nothing in shared memory; state/breakers.c has the breakers.
 * Runs in: backends.
 *
 * Whatever begins inside a command that ends transactions itself, as CALL may,
 * is not asked: its outermost command was.  It is reported all the same, while
 * the breaker is closed.
 *
 * Core shows errors to a hook when it logs them, so with log_min_messages
 * above `error` the breaker hears of none.
 *
 * IDENTIFICATION
 *	  src/actors/guard.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/guard.h"
#include "clock.h"
#include "settings.h"
#include "state/breakers.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/registry.h"

#include "utils/elog.h"

/* One that is open for longer is news again. */
#define LONGEST_STREAK	(60 * GOV_SECOND)

/* What core says when statement_timeout strikes, before it is translated. */
#define STATEMENT_TIMEOUT_MESSAGE	"canceling statement due to statement timeout"

/* The transaction that runs. */
static struct
{
	bool		asked;			/* its beginning was seen */
	bool		ran;			/* a statement was executed, and not only parsed */
	int			breaker;		/* to be told of its end; GOV_NO_BREAKER: none is */
	int64		permit;
	GovTime		began;
}			work = {.breaker = GOV_NO_BREAKER};

/* What a login holds until it is done. */
static int64 login_permit = 0;
static int	login_breaker = GOV_NO_BREAKER;

/* The error that ends the transaction. */
static struct
{
	bool		seen;
	bool		by_statement_timeout;
	char		sqlstate[GOV_BREAKER_SQLSTATE_SIZE];
}			failure;

static emit_log_hook_type previous_log_hook = NULL;

/* Errors that are caught are no failures, and are not shown here. */
static void
on_log(ErrorData *error)
{
	if (previous_log_hook)
		previous_log_hook(error);

	if (error->elevel < ERROR || !work.asked || work.breaker == GOV_NO_BREAKER)
		return;
	failure.seen = true;
	failure.by_statement_timeout = error->message_id != NULL &&
		strcmp(error->message_id, STATEMENT_TIMEOUT_MESSAGE) == 0;
	strlcpy(failure.sqlstate, unpack_sql_state(error->sqlerrcode), sizeof(failure.sqlstate));
}

void
gov_guard_install(void)
{
	previous_log_hook = emit_log_hook;
	emit_log_hook = on_log;
}

/* "Retry after N ms.", never 0; nothing is known of a breaker that was opened by hand. */
static int
retry_hint(GovTime retry_after)
{
	if (retry_after == GOV_NEVER)
		return errhint("It was opened by hand, and will be closed by hand.");
	return errhint("Retry after %lld ms.", (long long) Max((retry_after + GOV_MSEC - 1) / GOV_MSEC, 1));
}

static void
session_of_mine(GovSession *session)
{
	(void) gov_registry_read(gov_registry_mine() - gov_registry_slot(0), session);
}

void
gov_guard_refuse_login(int class_id)
{
	GovMode		mode;
	GovBreakerReport report = {0};
	GovSession	session;
	char		breaker[GOV_NAME_SIZE];
	char		class_name[GOV_NAME_SIZE];
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (!gov_breakers_report(gov_breakers_of_class(class_id, &mode), breaker, &report))
		breaker[0] = '\0';
	gov_policy_class_name(class_id, class_name);
	snprintf(detail, sizeof(detail), "circuit breaker \"%s\" is open", breaker);
	session_of_mine(&session);
	gov_ledger_count_refused(class_id, GOV_CAUSE_BREAKER);
	gov_ledger_note_admission(GOV_EVENT_REFUSED, &session, GOV_CAUSE_BREAKER, detail);
	ereport(FATAL,
			(errcode(ERRCODE_CANNOT_CONNECT_NOW),
			 errmsg("circuit breaker \"%s\" is open", breaker),
			 errdetail("It guards class \"%s\".", class_name),
			 retry_hint(report.retry_after)));
}

/*
 * The permit is for the login alone: as many get in at a time, and what they do
 * then they ask for.  So a session that logs in and rests keeps nobody waiting.
 */
static void
return_login_permit(void)
{
	if (login_permit != 0)
		gov_breakers_give_back(login_breaker, login_permit);
	login_permit = 0;
}

void
gov_guard_login(void)
{
	int			class_id = gov_registry_mine()->class_id;
	GovMode		mode;
	int			number = gov_breakers_of_class(class_id, &mode);
	char		name[GOV_NAME_SIZE];
	GovTime		retry_after;

	if (number == GOV_NO_BREAKER || gov_breakers_lets_all_through(number))
		return;
	if (!gov_breakers_allow_work(number, name, &login_permit, &retry_after))
		return;
	login_breaker = number;
	if (login_permit == 0)
		gov_guard_refuse_login(class_id);
}

/* Notes, in observe, a transaction that enforce would have refused: once for each time that the breaker is open. */
static void
observe(int class_id, const char *name, GovTime retry_after)
{
	static GovTime noted_until = 0;
	GovTime		now = gov_clock_now();
	GovSession	session;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (now < noted_until)
		return;
	noted_until = now + Min(retry_after, LONGEST_STREAK);
	snprintf(detail, sizeof(detail), "a transaction: circuit breaker \"%s\" is open", name);
	session_of_mine(&session);
	gov_ledger_count_would(class_id, GOV_DECISION_REFUSE);
	gov_ledger_note_admission(GOV_EVENT_WOULD_REFUSE, &session, GOV_CAUSE_BREAKER, detail);
}

/*
 * The breaker of this session's class, if it is to be heeded.  Statements of a
 * login itself, as an event trigger may run, ask nobody: they could not fail
 * without ending it.
 */
static int
breaker_of_mine(int *class_id, GovMode *mode)
{
	const GovSessionSlot *slot = gov_registry_mine();
	int			number;

	if (slot == NULL || slot->class_id == GOV_NO_CLASS || MyBEEntry->st_state < STATE_IDLE)
		return GOV_NO_BREAKER;
	*class_id = slot->class_id;
	number = gov_breakers_of_class(slot->class_id, mode);
	*mode = Min(*mode, (GovMode) gov_settings_mode);
	return *mode == GOV_MODE_OFF ? GOV_NO_BREAKER : number;
}

static void
begin(int number, int64 permit)
{
	work.asked = true;
	work.ran = false;
	work.breaker = permit != 0 ? number : GOV_NO_BREAKER;
	work.permit = permit;
	failure.seen = false;
	if (permit != 0)
		work.began = gov_clock_now();
}

void
gov_guard_begin(void)
{
	GovMode		mode = GOV_MODE_OFF;
	int			class_id;
	int			number;
	int64		permit = 0;
	GovTime		retry_after;
	char		name[GOV_NAME_SIZE];

	if (work.asked)
		return;
	number = breaker_of_mine(&class_id, &mode);
	if (number != GOV_NO_BREAKER && gov_breakers_allow_work(number, name, &permit, &retry_after) && permit == 0)
	{
		if (mode == GOV_MODE_ENFORCE)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("circuit breaker \"%s\" is open", name),
					 errdetail("It guards the class of this session."),
					 retry_hint(retry_after)));
		observe(class_id, name, retry_after);
	}
	begin(number, permit);
}

bool
gov_guard_is_unasked(void)
{
	return !work.asked;
}

void
gov_guard_begin_inside(void)
{
	GovMode		mode;
	int			class_id;
	int			number;
	int64		permit = 0;
	GovTime		retry_after;
	char		name[GOV_NAME_SIZE];

	if (work.asked)
		return;
	number = breaker_of_mine(&class_id, &mode);
	if (number != GOV_NO_BREAKER && gov_breakers_lets_all_through(number))
		(void) gov_breakers_allow_work(number, name, &permit, &retry_after);
	begin(number, permit);
}

void
gov_guard_runs(void)
{
	work.ran = true;
}

void
gov_guard_forget_error(void)
{
	failure.seen = false;
}

/* cut: the transaction ends because its session does. */
static void
report(bool committed, bool cut)
{
	const char *sqlstate = !committed && failure.seen ? failure.sqlstate : NULL;

	work.asked = false;
	if (work.breaker == GOV_NO_BREAKER)
		return;

	/* what was parsed and not run, or cut off, says nothing about what it would have worked with, unless an error did */
	gov_breakers_record_work(work.breaker, work.permit, sqlstate, failure.by_statement_timeout,
							 cut || !work.ran, gov_clock_now() - work.began);
	failure.seen = false;
}

void
gov_guard_withdraw(void)
{
	if (work.asked && work.breaker != GOV_NO_BREAKER)
		gov_breakers_give_back(work.breaker, work.permit);
	work.asked = false;
	failure.seen = false;
}

void
gov_guard_end(bool committed)
{
	return_login_permit();
	if (work.asked)
		report(committed, false);
}

void
gov_guard_at_exit(void)
{
	return_login_permit();
	if (work.asked)
		report(false, true);
}
