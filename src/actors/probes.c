/*-------------------------------------------------------------------------
 *
 * probes.c
 *		Has the kernel probe this session's peer.
 *
 * Only the process that owns a socket can set its options, and it can do so
 * through the server's own parameters, so that everybody sees what was set and
 * whoever knows better can set something else.  They are given as the settings
 * of a class are (actors/login_settings.c): above ALTER ROLE and ALTER DATABASE
 * ... SET, below what the class's settings, the client's options, or a SET say.
 *
 *		tcp_keepalives_*					the peer is asked a second after its last
 *											sign of life and every second, and the
 *											kernel gives it up two sweeps after the
 *											timeout
 *		client_connection_check_interval	a statement hears of it, if nothing else
 *											has it do so already
 *
 * Without a timeout in force a session gets back what it had before.  Only as
 * values: the server lets nobody give a parameter an older source.
 *
 * tcp_user_timeout is not used.  It also ends connections of clients that live
 * and do not read for a while: their kernel answers, but takes no data.
 *
 * Owns: nothing in shared memory.        Runs in: backends.
 *
 * IDENTIFICATION
 *	  src/actors/probes.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/liveness.h"
#include "actors/probes.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/registry.h"

#include "access/xact.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"

#define NPARAMETERS		4

/* How often a statement looks whether its connection is still there. */
#define CHECK_EVERY_MS	2000

static const char *const parameters[NPARAMETERS] = {
	"tcp_keepalives_idle",
	"tcp_keepalives_interval",
	"tcp_keepalives_count",
	"client_connection_check_interval",
};

/* Found once, by the postmaster: 15 looks for a name one by one. */
static const struct config_generic *known[NPARAMETERS];

/* Which of them are ours to set, and what RESET went back to before: decided when the first is set. */
static bool decided = false;
static bool ours[NPARAMETERS];
static int	values_before[NPARAMETERS];

/* For which timeout they are set; GOV_NEVER: not. */
static GovTime probed_for = GOV_NEVER;

/* What that was decided by. */
static uint64 seen_generation = 0;
static int	seen_class = GOV_NO_CLASS;
static int	seen_mode = GOV_MODE_OFF;
static int	seen_interval = 0;

/* Somebody has set it who is asked before us, or, for the check, set it to anything. */
static bool
is_taken(int parameter)
{
	if (known[parameter] == NULL || known[parameter]->reset_source >= PGC_S_CLIENT)
		return true;
	return parameter == NPARAMETERS - 1 && client_connection_check_interval > 0;
}

/*
 * Below whatever the client has set meanwhile, or sets.  Without a
 * subtransaction: none of these can fail by an error but for lack of memory.
 */
static void
set(int parameter, int value)
{
	char		text[16];

	if (!ours[parameter])
		return;
	snprintf(text, sizeof(text), "%d", value);
	(void) set_config_option(parameters[parameter], text, PGC_USERSET, PGC_S_CLIENT,
							 GUC_ACTION_SET, true, DEBUG1, false);
}

static void
decide(void)
{
	if (decided)
		return;
	decided = true;
	for (int i = 0; i < NPARAMETERS; i++)
	{
		ours[i] = !is_taken(i);
		if (ours[i])
			values_before[i] = atoi(GetConfigOptionResetString(parameters[i]));
	}
}

static void
set_options(GovTime timeout)
{
	GovProbing	probing = gov_liveness_probing(timeout, gov_settings_sweep_interval * GOV_MSEC);

	decide();
	set(0, probing.interval);
	set(1, probing.interval);
	set(2, probing.count);
	set(3, CHECK_EVERY_MS);
}

static void
take_options_back(void)
{
	for (int i = 0; i < NPARAMETERS; i++)
		set(i, values_before[i]);
}

static void
follow_class(const GovSessionSlot *slot)
{
	GovTime		timeout = GOV_NEVER;
	int			interval = seen_interval;

	seen_generation = gov_policy_generation();
	seen_class = slot->class_id;
	seen_mode = gov_settings_mode;
	seen_interval = gov_settings_sweep_interval;
	if (seen_class != GOV_NO_CLASS)
		timeout = gov_policy_unresponsive_timeout(seen_class);
	if (timeout == probed_for && (timeout == GOV_NEVER || interval == seen_interval))
		return;
	if (timeout != GOV_NEVER)
		set_options(timeout);
	else
		take_options_back();
	probed_for = timeout;
}

/* Before the commit, as a parameter can be set only within a transaction. */
static void
on_transaction(XactEvent event, void *argument)
{
	const GovSessionSlot *slot = gov_registry_mine();
	bool		first = seen_generation == 0;
	instr_time	start;
	instr_time	end;

	if (event != XACT_EVENT_PRE_COMMIT || slot == NULL || IsInParallelMode() ||
		(seen_generation == gov_policy_generation() && seen_class == slot->class_id &&
		 seen_mode == gov_settings_mode && seen_interval == gov_settings_sweep_interval))
		return;

	INSTR_TIME_SET_CURRENT(start);
	follow_class(slot);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	if (first)
		gov_ledger_add_login_time((uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
}

void
gov_probes_install(void)
{
	for (int i = 0; i < NPARAMETERS; i++)
		known[i] = gov_find_parameter(parameters[i]);
}

void
gov_probes_watch(void)
{
	if (MyProcPort->raddr.addr.ss_family != AF_UNIX)
		RegisterXactCallback(on_transaction, NULL);
}

bool
gov_probes_cut_off(GovTime *silence)
{
	GovPeerReport report;
	bool		is_over = false;

	if (probed_for == GOV_NEVER ||
		!gov_liveness_of_mine(&report, &is_over) || !is_over)
		return false;
	*silence = report.heard_ago;
	return report.probes + report.retransmits > 0 && report.heard_ago >= probed_for;
}
