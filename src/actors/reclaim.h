/*-------------------------------------------------------------------------
 *
 * reclaim.h
 *		Asking a session to end; the asker's side of the protocol.
 *
 * The victim decides.  A request is one atomic word in the victim's slot:
 *
 *		bits 16..63		sequence, so that no two requests look alike
 *		bits  8..15		the state of the request (GovRequestState)
 *		bits  0..7		the reason (GovReason)
 *
 * and beside it its subject: the rest, named by the time since which the
 * session has been in the state that the asker judged, or the transaction,
 * named by its number (gov_staleness_subject).  The asker writes both and
 * sends SIGUSR2, which ordinary backends ignore.  The victim's handler looks
 * whether it is still in that very rest or transaction, and writes its answer
 * into the word.  A statement in a transaction that is too old is told to stop
 * first; only a further request about the same transaction ends the session.
 *
 *			 ask					   accept
 *	  NONE ---------> ASKED -------------------> ACCEPTED --> (session ends)
 *					  ^   |    decline
 *					  |   +-------------------> DECLINED
 *					  |   |    cancel			    |
 *					  |   +-------------------> CANCELLED
 *					  |			 ask				|
 *					  +-----------------------------+
 *
 * Transition and the function that performs it:
 *	  NONE, ASKED, DECLINED, CANCELLED -> ASKED	[gov_reclaim_ask, the asker]
 *	  ASKED -> ACCEPTED					[answer in victim.c, in the signal handler]
 *	  ASKED -> DECLINED					[answer in victim.c, in the signal handler]
 *	  ASKED -> CANCELLED				[answer in victim.c, in the signal handler]
 *	  ASKED -> NONE						[gov_reclaim_take_back, the asker]
 *	  any -> NONE						[release in registry.c, when the session is gone]
 *
 * IDENTIFICATION
 *	  src/actors/reclaim.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_RECLAIM_H
#define GOV_RECLAIM_H

#include "core/core.h"
#include "core/reason.h"

#include "storage/latch.h"

typedef enum GovRequestState
{
	GOV_REQUEST_NONE,
	GOV_REQUEST_ASKED,
	GOV_REQUEST_ACCEPTED,
	GOV_REQUEST_DECLINED,
	GOV_REQUEST_CANCELLED,		/* the statement was told to stop, the session goes on */
} GovRequestState;

typedef enum GovReclaimOutcome
{
	GOV_RECLAIM_PENDING,		/* the victim has not answered yet, or is on its way out */
	GOV_RECLAIM_DECLINED,		/* it is not in that rest any more, or goes on for now */
	GOV_RECLAIM_GONE,			/* the session has ended */
} GovReclaimOutcome;

static inline uint64_t
gov_request_word(uint64_t sequence, GovRequestState state, GovReason reason)
{
	return (sequence << 16) | ((uint64_t) state << 8) | (uint64_t) reason;
}

static inline uint64_t
gov_request_sequence(uint64_t word)
{
	return word >> 16;
}

static inline GovRequestState
gov_request_state(uint64_t word)
{
	return (GovRequestState) ((word >> 8) & 0xFF);
}

static inline GovReason
gov_request_reason(uint64_t word)
{
	return (GovReason) (word & 0xFF);
}

/*
 * Asks the session in a slot to end for a reason, if it is still in the rest or
 * transaction that `subject` names (gov_staleness_subject).  (slot, generation) names the session: if it is gone,
 * nobody is asked and the result is 0, else the number of the request.  The only
 * function that signals a session.  `detail` (or NULL) is shown with the reason; `asker` (or NULL) is
 * set when the victim has declined or is gone, or somebody else asks.  Any process; takes the
 * sessions lock exclusively, and never waits for the victim.
 */
extern uint64_t gov_reclaim_ask(int slot, uint32_t generation, GovReason reason, uint64_t subject,
								const char *detail, Latch *asker);

/* What has come of a request so far. */
extern GovReclaimOutcome gov_reclaim_outcome(int slot, uint32_t generation, uint64_t request);

/* Takes a request back; false if the session has accepted it: then it is on its way out. */
extern bool gov_reclaim_take_back(int slot, uint32_t generation, uint64_t request);

/*
 * Waits, at most for `patience`, until the session has declined this request
 * or is gone.  A request that another one has replaced counts as declined.
 * It must have named this process's latch as the asker's.  Obeys cancel and
 * terminate.
 */
extern GovReclaimOutcome gov_reclaim_await(int slot, uint32_t generation, uint64_t request,
										   GovTime patience);

/*
 * Waits until the process of a session that is gone from its slot has exited,
 * and has let go of all that it held.  Returns false at `give_up`.
 */
extern bool gov_reclaim_await_exit(int pid, GovTime give_up);

/*
 * What a session in this state ends for, in words: "at rest for 61.2 s", with
 * the asker's own behind it unless they are ''.
 */
extern void gov_reclaim_describe(GovReason reason, GovActivityState state, GovTime lasted, const char *words,
								 char *text, size_t size);

/* A moment's wait before a session that declined is asked again. */
extern void gov_reclaim_pause(void);

#endif							/* GOV_RECLAIM_H */
