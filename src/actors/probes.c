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
#define CHECK_EVERY		"2s"

static const char *const parameters[NPARAMETERS] = {
	"tcp_keepalives_idle",
	"tcp_keepalives_interval",
	"tcp_keepalives_count",
	"client_connection_check_interval",
};

/* Found once, by the postmaster: 15 looks for a name one by one. */
static const struct config_generic *known[NPARAMETERS];

/* Which of them are ours to set. */
static bool ours[NPARAMETERS];

/* For which timeout and sweep_interval they were set; GOV_NEVER: not. */
static GovTime probed_for = GOV_NEVER;
static int	probed_with = 0;

/* What that was decided by. */
static uint64 seen_generation = 0;
static int	seen_class = GOV_NO_CLASS;
static int	seen_mode = GOV_MODE_OFF;

/* Somebody has set it who is asked before us, or, for the check, set it to anything. */
static bool
is_taken(int parameter)
{
	if (known[parameter] == NULL || known[parameter]->reset_source >= PGC_S_CLIENT)
		return true;
	return parameter == NPARAMETERS - 1 && client_connection_check_interval > 0;
}

/* Without a subtransaction: none of these can fail by an error but for lack of memory. */
static void
set(int parameter, const char *value)
{
	(void) set_config_option(parameters[parameter], value, PGC_USERSET, PGC_S_CLIENT,
							 GUC_ACTION_SET, true, DEBUG1, false);
}

static void
set_number(int parameter, int value)
{
	char		text[16];

	snprintf(text, sizeof(text), "%d", value);
	set(parameter, text);
}

static void
set_options(GovTime timeout)
{
	GovProbing	probing = gov_liveness_probing(timeout, gov_settings_sweep_interval * GOV_MSEC);

	for (int i = 0; i < NPARAMETERS && probed_for == GOV_NEVER; i++)
		ours[i] = !is_taken(i);
	if (ours[0])
		set_number(0, probing.interval);
	if (ours[1])
		set_number(1, probing.interval);
	if (ours[2])
		set_number(2, probing.count);
	if (ours[3])
		set(3, CHECK_EVERY);
	probed_for = timeout;
	probed_with = gov_settings_sweep_interval;
}

/*
 * What was set stays until there is something else to set: without a timeout
 * nothing asks for it, and it harms nobody whose peer lives.
 */
static void
follow_class(const GovSessionSlot *slot)
{
	GovTime		timeout = GOV_NEVER;

	seen_generation = gov_policy_generation();
	seen_class = slot->class_id;
	seen_mode = gov_settings_mode;
	if (seen_class != GOV_NO_CLASS)
		timeout = gov_policy_unresponsive_timeout(seen_class);
	if (timeout != GOV_NEVER && (timeout != probed_for || gov_settings_sweep_interval != probed_with))
		set_options(timeout);
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
		 seen_mode == gov_settings_mode))
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

	if (probed_for == GOV_NEVER || seen_class == GOV_NO_CLASS ||
		!gov_liveness_of_mine(&report, &is_over) || !is_over)
		return false;
	*silence = report.heard_ago;
	return report.probes + report.retransmits > 0 && report.heard_ago >= probed_for &&
		gov_policy_unresponsive_timeout(seen_class) != GOV_NEVER;
}
