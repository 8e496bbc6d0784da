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

#include "core/reason.h"
#include "state/registry.h"

#define GOV_EVENT_DETAIL_SIZE	192

typedef enum GovEventKind
{
	GOV_EVENT_RECLAIMED,		/* a session was ended */
	GOV_EVENT_CANCELLED,		/* a statement was told to stop */
	GOV_EVENT_WOULD_RECLAIM,	/* a session would have been ended, in observe */
	GOV_EVENT_POLICY,			/* a policy came into force, or could not */
	GOV_EVENT_GOVERNOR,			/* the governor started, or mended something */
} GovEventKind;

/* One line of governor.events.  Events about no session have pid 0. */
typedef struct GovEvent
{
	GovTime		at;
	GovEventKind kind;
	GovReason	reason;			/* GOV_REASON_NONE: none */
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
	uint64		reclaimed[GOV_REASON_COUNT];
	uint64		cancelled;		/* statements, by transaction_timeout */
	uint64		would_reclaim;
	uint64		declined;
} GovClassStats;

/* What governing costs at login. */
typedef struct GovLoginStats
{
	uint64		logins;
	uint64		nanoseconds;	/* spent in our code by all of them */
} GovLoginStats;

extern Size gov_ledger_shmem_size(void);
extern void gov_ledger_shmem_attach(void *memory, bool is_new);

/* The word for a kind, as governor.events shows it. */
extern const char *gov_event_kind_name(GovEventKind kind);

/* Counters are atomics: no lock, safe in any process; declined also in signal handlers. */
extern void gov_ledger_count_admitted(int class_id);
extern void gov_ledger_count_reclaimed(int class_id, GovReason reason);
extern void gov_ledger_count_cancelled(int class_id);
extern void gov_ledger_count_would_reclaim(int class_id);
extern void gov_ledger_count_declined(int class_id);
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
