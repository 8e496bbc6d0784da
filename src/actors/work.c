/*-------------------------------------------------------------------------
 *
 * work.c
 *		What is seen of a session's statements and transactions.
 *
 *		a statement begins		the breaker of the class is asked,	[parse_hook, utility_hook,
 *								and a ticket taken at its gate, if	 executor_hook]
 *								it is the first of a transaction
 *		a utility statement		does it LISTEN, or stop to?			[utility_hook]
 *		a function is called	does it lock for its session?  By	[access_hook]
 *								itself it is a first statement too
 *		a savepoint ends		what was said within it counts or not	[on_savepoint]
 *		a transaction ends		its breaker hears how; its ticket
 *								is given back;
 *								transaction_timeout lets go of it;
 *								what was said in it counts; the name
 *								it has now is looked at				[on_transaction]
 *
 * Owns: nothing in shared memory but the traits and the end of the last
 * transaction in this backend's own slot.      Runs in: backends.
 *
 * LISTEN and UNLISTEN take effect when their transaction commits, so until
 * then they are remembered here, each with the nesting level at which it was
 * said; only the last one at a level counts.  Which channels there are is not
 * tracked: a session listens from its first LISTEN until UNLISTEN * or
 * DISCARD ALL.
 *
 * IDENTIFICATION
 *	  src/actors/work.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/gate.h"
#include "actors/guard.h"
#include "actors/rename.h"
#include "actors/victim.h"
#include "actors/work.h"
#include "clock.h"
#include "state/queue.h"
#include "state/registry.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"

/* Savepoints may nest deeper; what is said below that is taken together. */
#define MAX_SAID	16

static struct
{
	int			level;			/* nesting level of the transaction; grows from one to the next */
	bool		listens;
}			said[MAX_SAID];
static int	nsaid = 0;

/* The application_name that was looked at last. */
static char last_name[GOV_NAME_SIZE];

/* How many utility statements run, one inside the other; and whether the outermost one runs what others wrote. */
static int	utilities = 0;
static bool runs_procedure = false;

/* How often the session was told to forget everything. */
static uint32 discards = 0;

static post_parse_analyze_hook_type previous_parse_hook = NULL;
static ExecutorStart_hook_type previous_executor_hook = NULL;
static ProcessUtility_hook_type previous_utility_hook = NULL;
static object_access_hook_type previous_access_hook = NULL;

/*
 * Whether the session will listen if everything so far commits.  At the limit
 * of the stack a LISTEN is never lost, and an UNLISTEN may be: then a session
 * is kept that need not be.
 */
static void
say_listens(bool listens)
{
	int			level = GetCurrentTransactionNestLevel();

	if (nsaid > 0 && said[nsaid - 1].level >= level)
		said[nsaid - 1].listens = listens;
	else if (nsaid < MAX_SAID)
	{
		said[nsaid].level = level;
		said[nsaid++].listens = listens;
	}
	else
		said[nsaid - 1].listens |= listens;
}

/* Commands that run nothing: they ask nobody, and end nobody's transaction but their own. */
static bool
runs_nothing(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_DiscardStmt:
		case T_DeallocateStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_ClosePortalStmt:
		case T_ConstraintsSetStmt:
			return true;
		case T_TransactionStmt:
			switch (((TransactionStmt *) statement)->kind)
			{
				case TRANS_STMT_BEGIN:
				case TRANS_STMT_START:
					return false;
				default:
					return true;
			}
		default:
			return false;
	}
}

/* `query` is what the executor is about to start; NULL before. */
static void
begin_work(QueryDesc *query)
{
	if (gov_registry_mine() == NULL)
		return;
	if (utilities > 0)
	{
		gov_guard_begin_inside();
		return;
	}
	gov_guard_begin();
	gov_gate_begin(query);
}

/* What commits inside a command of the server's own, as VACUUM does, has not come to its end. */
static void
end_work(bool committed)
{
	if (!committed || utilities == 0 || runs_procedure)
		gov_guard_end(committed);
	gov_gate_end(utilities > 0);
}

uint32
gov_work_discards(void)
{
	return discards;
}

static void
parse_hook(ParseState *state, Query *query, GovJumbleState *jumble)
{
	if (previous_parse_hook)
		previous_parse_hook(state, query, jumble);
	if (query->commandType != CMD_UTILITY || !runs_nothing(query->utilityStmt))
		begin_work(NULL);
}

/* Of prepared statements, which are parsed in another transaction. */
static void
executor_hook(QueryDesc *query, int flags)
{
	begin_work(query);
	gov_guard_runs();
	if (previous_executor_hook)
		previous_executor_hook(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
run_utility(PlannedStmt *statement, const char *query, bool read_only_tree,
			ProcessUtilityContext context, ParamListInfo parameters,
			QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	utilities++;
	PG_TRY();
	{
		(previous_utility_hook ? previous_utility_hook : standard_ProcessUtility)
			(statement, query, read_only_tree, context, parameters, environment, receiver, completion);
	}
	PG_FINALLY();
	{
		utilities--;
	}
	PG_END_TRY();
}

static void
utility_hook(PlannedStmt *statement, const char *query, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo parameters,
			 QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Node	   *node = statement->utilityStmt;
	NodeTag		tag = nodeTag(node);
	bool		discards_all = tag == T_DiscardStmt && ((DiscardStmt *) node)->target == DISCARD_ALL;
	bool		unlistens = discards_all ||
		(tag == T_UnlistenStmt && ((UnlistenStmt *) node)->conditionname == NULL);
	bool		undoes = tag == T_TransactionStmt && ((TransactionStmt *) node)->kind == TRANS_STMT_ROLLBACK_TO;

	if (!runs_nothing(node))
	{
		begin_work(NULL);
		if (tag != T_TransactionStmt && tag != T_PrepareStmt)
			gov_guard_runs();
	}
	if (utilities == 0)
		runs_procedure = tag == T_CallStmt || tag == T_DoStmt;
	run_utility(statement, query, read_only_tree, context, parameters, environment, receiver, completion);

	/* it did not fail; `node` may be gone if the statement ended its transaction */
	if (gov_registry_mine() == NULL)
		return;
	if (undoes)
		gov_guard_forget_error();
	if (discards_all)
	{
		discards++;
		gov_registry_set_lease(0);	/* of whoever had the session before, behind a pooler */
	}
	if (tag == T_ListenStmt)
		say_listens(true);
	else if (unlistens)
		say_listens(false);
}

/*
 * The lock table does not say whether an advisory lock outlives its
 * transaction.  Whoever never asked for one that does has none.
 */
static bool
locks_for_session(Oid function)
{
	switch (function)
	{
		case F_PG_ADVISORY_LOCK_INT8:
		case F_PG_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_TRY_ADVISORY_LOCK_INT8:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_ADVISORY_LOCK_INT4_INT4:
		case F_PG_ADVISORY_LOCK_SHARED_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4:
			return true;
		default:
			return false;
	}
}

static void
access_hook(ObjectAccessType access, Oid class, Oid object, int column, void *argument)
{
	if (previous_access_hook)
		previous_access_hook(access, class, object, column, argument);

	/* of a function call by the protocol's own message, which is no statement */
	if (access == OAT_FUNCTION_EXECUTE && IsTransactionState() && gov_registry_mine() != NULL &&
		gov_guard_is_unasked())
	{
		begin_work(NULL);
		gov_guard_runs();
	}
	if (access == OAT_FUNCTION_EXECUTE && class == ProcedureRelationId &&
		locks_for_session(object) && gov_registry_mine() != NULL)
		gov_registry_set_trait(GOV_TRAIT_LOCKS, true);
}

/* What was said within a savepoint is said by the one around it, or was never said. */
static void
on_savepoint(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	int			level = GetCurrentTransactionNestLevel();

	if (nsaid == 0 || said[nsaid - 1].level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		nsaid--;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		said[nsaid - 1].level = level - 1;
		if (nsaid > 1 && said[nsaid - 2].level == level - 1)
		{
			said[nsaid - 2].listens = said[nsaid - 1].listens;
			nsaid--;
		}
	}
}

/* Nothing here may fail: the transaction is committed already. */
static void
on_commit(void)
{
	/* core has let in one whom we had given up */
	if (gov_registry_mine()->waits)
		gov_queue_let_in();

	if (nsaid > 0)
		gov_registry_set_trait(GOV_TRAIT_LISTENS, said[nsaid - 1].listens);
	nsaid = 0;

	if (strncmp(last_name, application_name, GOV_NAME_SIZE - 1) != 0)
	{
		strlcpy(last_name, application_name, sizeof(last_name));
		gov_rename_session(last_name);
	}
}

static void
note_transaction_end(void)
{
	pg_atomic_write_u64(&gov_registry_mine()->transaction_end, (uint64) gov_clock_now());
}

static void
on_transaction(XactEvent event, void *argument)
{
	if (gov_registry_mine() == NULL)
		return;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			gov_victim_at_transaction_end(GOV_TRANSACTION_ENDING);
			break;
		case XACT_EVENT_COMMIT:
			gov_victim_at_transaction_end(GOV_TRANSACTION_COMMITTED);
			note_transaction_end();
			end_work(true);
			on_commit();
			break;
		case XACT_EVENT_PREPARE:
			gov_victim_at_transaction_end(GOV_TRANSACTION_COMMITTED);
			note_transaction_end();
			end_work(true);
			nsaid = 0;
			break;
		case XACT_EVENT_ABORT:
			gov_victim_at_transaction_end(GOV_TRANSACTION_ROLLED_BACK);
			note_transaction_end();
			end_work(false);
			nsaid = 0;
			break;
		default:				/* those of parallel workers */
			break;
	}
}

void
gov_work_install(void)
{
	previous_parse_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = parse_hook;
	previous_executor_hook = ExecutorStart_hook;
	ExecutorStart_hook = executor_hook;
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
	previous_access_hook = object_access_hook;
	object_access_hook = access_hook;
}

void
gov_work_watch(const char *application_name_at_login)
{
	strlcpy(last_name, application_name_at_login, sizeof(last_name));
	gov_gate_watch();
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_savepoint, NULL);
}
