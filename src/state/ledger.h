/*-------------------------------------------------------------------------
 *
 * ledger.h
 *		What was decided: counters per class, and the latest events.
 *
 * IDENTIFICATION
 *	  src/state/ledger.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_LEDGER_H
#define GOV_LEDGER_H

#include "core/admit.h"
#include "core/reason.h"
#include "state/registry.h"

#define GOV_EVENT_DETAIL_SIZE	192

typedef enum GovEventKind
{
	GOV_EVENT_ADMITTED_AFTER_WAIT,	/* a login got its place, after it had waited */
	GOV_EVENT_REFUSED,			/* a login was refused */
	GOV_EVENT_EVICTED,			/* a session was ended to make room */
	GOV_EVENT_WOULD_QUEUE,		/* a login would have waited, in observe */
	GOV_EVENT_WOULD_EVICT,		/* would have had a session ended */
	GOV_EVENT_WOULD_REFUSE,		/* would have been refused */
	GOV_EVENT_WOULD_WAIT,		/* a transaction would have waited at the gate, in observe */
	GOV_EVENT_RECLAIMED,		/* a session was ended */
	GOV_EVENT_CANCELLED,		/* a statement was told to stop */
	GOV_EVENT_WOULD_RECLAIM,	/* a session would have been ended, in observe */
	GOV_EVENT_BREAKER,			/* a circuit breaker went from one state into another */
	GOV_EVENT_POLICY,			/* a policy came into force, or could not */
	GOV_EVENT_GOVERNOR,			/* the governor started, or mended something */
} GovEventKind;

/* One line of governor.events.  Events about no session have pid 0. */
typedef struct GovEvent
{
	GovTime		at;
	GovEventKind kind;
	GovReason	reason;			/* GOV_REASON_NONE: none */
	GovCause	cause;			/* of an event about a login; GOV_CAUSE_NONE: it is about none */
	int			pid;
	Oid			role_oid;
	GovAddress	client_addr;
	char		class_name[GOV_NAME_SIZE];
	char		role[GOV_NAME_SIZE];
	char		database[GOV_NAME_SIZE];
	char		application_name[GOV_NAME_SIZE];
	char		detail[GOV_EVENT_DETAIL_SIZE];
} GovEvent;

/* The counters of one class since stats_reset. */
typedef struct GovClassStats
{
	uint64		admitted;
	uint64		queued[GOV_CAUSE_COUNT];
	uint64		refused[GOV_CAUSE_COUNT];
	uint64		queue_microseconds; /* of those that were admitted */
	uint64		would[GOV_DECISION_REFUSE + 1]; /* by GovDecision, in observe */
	uint64		reclaimed[GOV_REASON_COUNT];
	uint64		cancelled;		/* statements, by transaction_timeout */
	uint64		would_reclaim;
	uint64		declined;
	uint64		gate_waits;		/* transactions */
	uint64		gate_microseconds;	/* of all of those */
	uint64		gate_passes;
	uint64		would_wait;
} GovClassStats;

/* What governing costs at login. */
typedef struct GovLoginStats
{
	uint64		logins;
	uint64		nanoseconds;	/* spent in our code by all of them */
} GovLoginStats;

extern Size gov_ledger_counters_shmem_size(void);
extern void gov_ledger_counters_shmem_attach(void *memory, bool is_new);
extern Size gov_ledger_events_shmem_size(void);
extern void gov_ledger_events_shmem_attach(void *memory, bool is_new);

/* The word for a kind, as governor.events shows it. */
extern const char *gov_event_kind_name(GovEventKind kind);

/* Why it happened, as governor.events shows it: a reason, or the cause of a decision about a login; '' if neither. */
extern const char *gov_event_reason(const GovEvent *event);

/* Counters are atomics: no lock, safe in any process; declined also in signal handlers. */
extern void gov_ledger_count_admitted(int class_id);
extern void gov_ledger_count_queued(int class_id, GovCause cause);
extern void gov_ledger_count_waited(int class_id, GovTime waited);
extern void gov_ledger_count_refused(int class_id, GovCause cause);
extern void gov_ledger_count_would(int class_id, GovDecision decision);
extern void gov_ledger_count_reclaimed(int class_id, GovReason reason);
extern void gov_ledger_count_cancelled(int class_id);
extern void gov_ledger_count_would_reclaim(int class_id);
extern void gov_ledger_count_declined(int class_id);
extern void gov_ledger_count_gate_wait(int class_id, GovTime waited);
extern void gov_ledger_count_gate_pass(int class_id);
extern void gov_ledger_count_would_wait(int class_id);
extern void gov_ledger_count_login(uint64 nanoseconds);
extern void gov_ledger_add_login_time(uint64 nanoseconds);	/* of a login that is counted already */

extern void gov_ledger_class_stats(int class_id, GovClassStats *stats);
extern void gov_ledger_login_stats(GovLoginStats *stats);
extern GovTime gov_ledger_stats_reset(void);

/* Sets the counters of one class, or of all and the time of the reset, to zero. */
extern void gov_ledger_reset_class(int class_id);
extern void gov_ledger_reset(void);

/*
 * Notes an event; the oldest makes room.  `session` may be NULL.  Writes a
 * line to the server log too if governor.log_decisions asks for it.  Takes the
 * events lock; never errors.
 */
extern void gov_ledger_note(GovEventKind kind, const GovSession *session, GovReason reason,
							const char *detail);

/* The same for an event about a login that was not simply admitted. */
extern void gov_ledger_note_admission(GovEventKind kind, const GovSession *session, GovCause cause,
									  const char *detail);

/*
 * Notes that a policy came into force, and by whose edit ('': not known).  It
 * is nobody's own event: the editor may read the tables, or may not.
 * Whoever calls it has written it to the server log.
 */
extern void gov_ledger_note_policy(const char *editor, const char *detail);

/* The numbers of the oldest event that is still there and of the next one. */
extern void gov_ledger_range(uint64 *oldest, uint64 *next);

/* Copies an event by number; false if it has made room for another. */
extern bool gov_ledger_read(uint64 number, GovEvent *event);

#endif							/* GOV_LEDGER_H */
