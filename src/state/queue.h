/*-------------------------------------------------------------------------
 *
 * queue.h
 *		Who waits to be admitted, and what admissions are held against.
 *
 * A login first claims its slot as one that waits, and then tries.  Everything
 * that a decision is made of is read, and everything that it spends is taken,
 * under the sessions lock in one go: so no two logins get the same place.
 *
 *			 try: a place				try: a place
 *	  ARRIVED ------------> ADMITTED <------------ QUEUED
 *		 |	try: none							  ^  |
 *		 +----------------------------------------+  | time over, left,
 *		 |	refused									 | class gone
 *		 +------------------> (exits) <--------------+
 *
 * Transition and the function that performs it:
 *	  ARRIVED -> ADMITTED, QUEUED	[gov_queue_try, the login]
 *	  QUEUED -> ADMITTED			[gov_queue_try, the login, when it is first]
 *	  any -> exits					[gov_queue_forget, from the release of its slot]
 *
 * First come, first served: only the first of a class decides for itself, the
 * others wait for it.  Whoever makes a place free wakes the first; the first,
 * once admitted or gone, wakes the next.
 *
 * IDENTIFICATION
 *	  src/state/queue.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_QUEUE_H
#define GOV_QUEUE_H

#include "core/admit.h"
#include "core/policy_data.h"
#include "state/registry.h"

/* A session at rest that may be ended for a newcomer. */
typedef struct GovVictim
{
	int			slot;
	uint32		generation;
	GovTime		rests_since;
} GovVictim;

/* As many as are known of a class at most; the governor finds new ones in every sweep. */
#define GOV_MAX_VICTIMS		64

/* What a try came to, and what there is to say about it. */
typedef struct GovTry
{
	GovAdmission admission;
	GovVictim	victim;			/* GOV_DECISION_EVICT: whom to ask */
	bool		wants_victims;	/* the class is full, and no victim is known: wake the governor */
	bool		was_queued;		/* before this try or by it */
	bool		newly_queued;	/* by it */
	GovTime		waited;
	int			class_id;
	int			sessions;
	int			max_sessions;
	int			waiting;		/* in the class, this one not counted */
	GovTime		retry_after;	/* GOV_DECISION_REFUSE: when to come again */
} GovTry;

/* How a class's queue stands. */
typedef struct GovQueueInfo
{
	int			waiting;
	GovTime		oldest;			/* since when the first one waits; 0: nobody does */
	GovAdmission newcomer;		/* what a newcomer would meet now, if it were enforced */
} GovQueueInfo;

extern Size gov_queue_shmem_size(void);
extern void gov_queue_shmem_attach(void *memory, bool is_new);

/*
 * Puts the limits of a policy into force for admissions, with the mode of the
 * whole server, and wakes everybody who waits.  Called by the governor.
 */
extern void gov_queue_set_limits(const GovPolicy *policy, GovMode mode);

/* Whether a login of this class is held against anything; takes the sessions lock shared. */
extern GovMode gov_queue_mode_of(int class_id);

/*
 * Tries to admit the session of this backend, whose slot waits.  enforce:
 * carries the decision out; otherwise admits in any case, and says what it
 * would have been.  kept_places: see GovAdmitFacts.
 */
extern void gov_queue_try(bool enforce, int kept_places, GovTry *result);

/* Admits the session of this backend whatever the limits are, and spends nothing.  Never errors. */
extern void gov_queue_let_in(void);

/* Takes a slot that goes away out of whatever it waits in.  Caller holds the sessions lock exclusively. */
extern void gov_queue_forget(int slot, int class_id);

/* Says that a place has become free.  Caller holds the sessions lock exclusively. */
extern void gov_queue_place_is_free(int class_id);

/* The slot waits in another class now, behind those who came before it.  Caller holds the sessions lock exclusively. */
extern void gov_queue_change_class(int slot, int from, int to);

/* Publishes whom newcomers of a class may evict, best first.  Called by the governor. */
extern void gov_queue_publish_victims(int class_id, const GovVictim *victims, int n);

/* Whether somebody has waited in vain for victims since this was asked last.  Called by the governor. */
extern bool gov_queue_victims_wanted(void);

/* Whether anybody waits. */
extern bool gov_queue_is_used(void);

extern void gov_queue_info(int class_id, GovQueueInfo *info);

/* Since when the session in a slot waits to be admitted; 0: it does not. */
extern GovTime gov_queue_waits_since(int slot);

#endif							/* GOV_QUEUE_H */
