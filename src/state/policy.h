/*-------------------------------------------------------------------------
 *
 * policy.h
 *		The policy in force, and the protocol by which a new one is loaded.
 *
 * IDENTIFICATION
 *	  src/state/policy.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_H
#define GOV_POLICY_H

#include "core/policy_data.h"
#include "core/rules.h"

#define GOV_POLICY_ERROR_SIZE	256

/* What is known about the policy in force; see gov_policy_info(). */
typedef struct GovPolicyInfo
{
	uint64_t	generation;		/* 0: none was loaded yet */
	GovTime		loaded_at;		/* when this generation came into force; 0: never */
	char		error[GOV_POLICY_ERROR_SIZE];	/* why the last load failed, or a warning; '' */
} GovPolicyInfo;

/* How far the load that a caller asked for has come. */
typedef enum GovLoadState
{
	GOV_LOAD_PENDING,
	GOV_LOAD_DONE,
	GOV_LOAD_FAILED,
} GovLoadState;

/* What is complained of in the log once for each generation. */
typedef enum GovComplaint
{
	GOV_COMPLAINT_CLASSIFICATION,
	GOV_COMPLAINT_SETTING,
	GOV_COMPLAINT_COUNT,
} GovComplaint;

/* Who changed the policy; no name: nobody knows, or several did. */
typedef struct GovEditor
{
	Oid			role;
	char		name[GOV_NAME_SIZE];
	bool		several;
} GovEditor;

extern Size gov_policy_shmem_size(void);
extern void gov_policy_shmem_attach(void *memory, bool is_new);

/*
 * Puts the policy into force that was in force when the server went down, if
 * its file can be used; says so in the log if there is one that cannot.
 * Returns its generation, or 0.  Called by the postmaster, at start and after
 * a crash, once all of shared memory is there; never raises an error.
 */
extern uint64_t gov_policy_restore(void);

/*
 * Copies the policy in force to its file, unless it is there already.  If that
 * fails, one line in the log says so until it succeeds.  Called by whoever has
 * published, or found that there was nothing to publish.
 */
extern void gov_policy_save(void);

/*
 * A private copy of the policy in force, all of one generation, allocated in
 * the current memory context.  Takes the policy lock shared.
 */
extern GovPolicy *gov_policy_copy(void);

/* What a login needs to know of the rule that it has come to. */
typedef struct GovRuleFound
{
	GovClassification classification;	/* the default class if no rule is left */
	bool		may_become_stale;	/* by the class's own mode and thresholds */
	char		group[GOV_NAME_SIZE];	/* counts only for members of this role; '': for all */
} GovRuleFound;

/*
 * Looks, in the policy in force and under its lock, for the next rule that
 * matches the facts in all but membership.  *generation and *next say where to
 * go on; both are 0 at first.  If another generation has come into force since,
 * it begins anew with that.  Copies nothing but the answer, as logins are many
 * and a policy may be long.  Never errors.
 */
extern void gov_policy_find_rule(uint64_t *generation, int *next, const GovFacts *facts,
								 GovRuleFound *found);

/*
 * Copies the settings of a class, as GovClass has them, if its sessions are to
 * get any under the mode in force; false if not.  Takes no lock for a class
 * that has none.  Never errors.
 */
extern bool gov_policy_copy_settings(int class_id, char *settings);

/* unresponsive_timeout of a class, GOV_NEVER unless the mode in force is enforce.  Takes the policy lock shared. */
extern GovTime gov_policy_unresponsive_timeout(int class_id);

/* The mode in force of a class, off if there is none of that id.  Takes the policy lock shared. */
extern GovMode gov_policy_mode_of(int class_id);

/* Whether the versions of functions matter to a class: only by its idle_timeout is one retired.  Takes the policy lock shared. */
extern bool gov_policy_class_compares_versions(int class_id);

/* Whether sessions of this class can become stale by the thresholds and the mode in force. */
extern bool gov_policy_class_is_governed(const GovClass *class);

/* Copies the policy in force into memory of the caller's, which is large enough for any. */
extern void gov_policy_copy_into(GovPolicy *policy);

/* What a caller needs to know of a circuit breaker, or of a rate limit. */
typedef struct GovNamed
{
	uint64_t	generation;		/* that says so */
	int			number;
	bool		guards;			/* a class */
	char		role[GOV_NAME_SIZE];	/* who may use it; '': everyone */
} GovNamed;

/* Looks one up in the policy in force; false if there is none of that name.  Takes the policy lock shared. */
extern bool gov_policy_find_breaker(const char *name, GovNamed *named);
extern bool gov_policy_find_rate(const char *name, GovNamed *named);

/* The generation in force.  Takes no lock. */
extern uint64_t gov_policy_generation(void);

/* The policy that governs nobody: the class `default`, mode off, and no rule. */
extern void gov_policy_make_empty(GovPolicy *policy);

/*
 * Puts a policy into force as the next generation, unless it is the same as
 * the one in force.  Classes that are in both keep their id, so that counters
 * and sessions stay with them; class ids in `policy` are rewritten to match.
 * `reset` is called, with the policy lock held, for every id that now names
 * another class.  `request` is the last load request that it covers: a policy
 * that was read for an earlier one than the policy in force is too late, and
 * is dropped.  Returns true if it is a new generation: then `replaced` is the
 * policy before, and `editor` who changed it.  Called by the policy loader and
 * by the governor.
 */
extern bool gov_policy_publish(GovPolicy *policy, uint64_t request, void (*reset) (int class_id),
							   GovPolicy *replaced, GovEditor *editor);

/*
 * Says how the load for all requests up to this one went; `error` ('' if all
 * is well) is what governor.status shows as policy_error.  Ignored if the
 * policy in force covers a later request.
 */
extern void gov_policy_report(uint64_t request, bool loaded, const char *error);

/* Begins a load: forgets whether an earlier one for the same request has failed. */
extern void gov_policy_begin_load(void);

/* Whether the load that was begun last has said that it failed, and why. */
extern bool gov_policy_failure_is_reported(void);

/*
 * Whether this is the first complaint of its kind about the policy in force:
 * one line in the log is enough, however many sessions it concerns.
 */
extern bool gov_policy_first_complaint(GovComplaint kind);

extern void gov_policy_info(GovPolicyInfo *info);

/* The name of a class in force; "" for an id that names none.  Size GOV_NAME_SIZE. */
extern void gov_policy_class_name(int class_id, char *name);

/*
 * The load protocol.  Requests are numbered.  Whoever wants the tables read
 * takes a number with gov_policy_request_load() and wakes the governor; the
 * governor starts a loader for all numbers given out so far, and when that
 * policy is in force and living sessions were moved, it finishes them.  So a
 * request is finished only by a load that began after it was made.  A request
 * of an edit says whose edit it is.
 */
extern uint64_t gov_policy_request_load(void);
extern uint64_t gov_policy_request_load_of_edit(const GovEditor *editor);
extern uint64_t gov_policy_last_request(void);
extern uint64_t gov_policy_finished_request(void);
extern void gov_policy_finish_load(uint64_t request, bool ok);

/* The last request that a load which succeeded covers: how the governor learns whether its loader did. */
extern uint64_t gov_policy_loaded_request(void);

/* What has become of a request. */
extern GovLoadState gov_policy_load_state(uint64_t request);

/* Sleeps until some load is finished, at most timeout_ms; obeys cancel and terminate. */
extern void gov_policy_await_load(long timeout_ms);

#endif							/* GOV_POLICY_H */
