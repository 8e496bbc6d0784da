/*-------------------------------------------------------------------------
 *
 * tally.h
 *		What happened: counts by outcome, latencies, phases.
 *
 * The other modules report events here as they happen; report.c, json.c and
 * series.c read the totals.
 *
 * IDENTIFICATION
 *	  bench/fleet/tally.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_TALLY_H
#define FLEET_TALLY_H

#include "fault.h"
#include "latency.h"

#define WAVES		2
#define HUMANS		2			/* at most: one at each address */
#define PHASES		8			/* at most that many are entered in a run */
#define PHASE_WARM_UP	"warm-up"	/* what the others are compared with */

/* How an environment's life ends. */
typedef enum Ending
{
	ENDING_IDLE,				/* freezes, its connection open */
	ENDING_TRANSACTION,			/* freezes inside a transaction, locks held */
	ENDING_DIE,					/* vanishes without a Terminate */
	ENDING_QUIT,				/* says goodbye */
	ENDING_LIVE,				/* goes on invoking until the run ends */
	ENDINGS,
} Ending;

/* Where a fleet's session was found lost. */
typedef enum Loss
{
	LOSS_RESTING,				/* awake and idle: seen at once */
	LOSS_AT_USE,				/* by the first statement after a rest */
	LOSS_AT_THAW,				/* on waking */
	LOSS_FROZEN,				/* still asleep when the run ended */
	LOSS_WORKING,				/* in the middle of an invocation */
	LOSSES,
} Loss;

/* What a thawed environment made of its connection. */
typedef enum Thaw
{
	THAW_ALIVE,
	THAW_DEAD,
	THAW_WITHOUT,				/* it had frozen without one */
	THAWS,
} Thaw;

typedef struct CodeCount
{
	Fault		first;			/* the code, and the first message seen with it */
	uint64_t	count;
} CodeCount;

typedef struct CodeTable
{
	CodeCount  *rows;
	size_t		length;
	uint64_t	total;
} CodeTable;

typedef struct WaveTally
{
	uint64_t	planned;
	uint64_t	settled;		/* reached their ending */
	uint64_t	served;			/* had at least one invocation answered */
} WaveTally;

typedef struct EndingTally
{
	uint64_t	planned;
	uint64_t	reached;
	uint64_t	missed;			/* of those reached: without the session meant */
} EndingTally;

/* Statements or logins of one kind: of the whole run, a phase or a second. */
typedef struct Work
{
	uint64_t	ok;
	uint64_t	failed;
	Latency		latency;		/* of those that succeeded */
} Work;

typedef struct Phase
{
	const char *name;
	Usec		from;
	Usec		to;				/* 0 while it lasts */
	Work		invocations;
	Work		app;
	Work		human[HUMANS];
} Phase;

typedef struct Tally
{
	WaveTally	waves[WAVES];
	EndingTally endings[ENDINGS];
	CodeTable	ending_faults;	/* why those were missed */
	uint64_t	thaws[THAWS];
	uint64_t	frozen_alive;	/* sessions still open behind frozen environments at the end */

	Work		invocations;
	CodeTable	invocation_faults;
	uint64_t	attempts;
	Latency		connect;		/* of attempts that succeeded */
	CodeTable	connect_faults;
	CodeTable	losses[LOSSES];

	Work		app;
	CodeTable	app_faults;
	CodeTable	app_connect_faults;
	CodeTable	app_losses;
	uint64_t	app_connects;
	uint64_t	app_open_at_end;
	Usec		app_longest_unanswered; /* a statement under way at the end */

	Work		human[HUMANS];
	CodeTable	human_faults[HUMANS];

	Phase		phases[PHASES];
	int			phase_count;

	/* since the last tally_clear_second */
	Work		second_invocations;
	Work		second_app;
	Work		second_human[HUMANS];
} Tally;

extern const Tally *tally_read(void);
extern void tally_clear_second(void);
extern void tally_free(void);

/* Ends the phase before it; name must be a constant.  NULL ends the last. */
extern void tally_enter_phase(const char *name, Usec now);

extern void tally_plan(int wave, Ending ending);
extern void tally_served(int wave);
/* fault: why it could not end as meant, else NULL. */
extern void tally_settled(int wave, Ending ending, const Fault *fault);
extern void tally_thaw(Thaw thaw);
extern void tally_frozen_alive(void);
extern void tally_loss(Loss loss, const Fault *fault);

/* fault is NULL for success; latency counts only then. */
extern void tally_connect(Usec latency, const Fault *fault);
extern void tally_invocation(Usec latency, const Fault *fault);

extern void tally_app_connect(const Fault *fault);
extern void tally_app_statement(Usec latency, const Fault *fault);
extern void tally_app_loss(const Fault *fault);
extern void tally_app_at_end(bool open, Usec unanswered);

extern void tally_human(int who, Usec latency, const Fault *fault);

extern const char *ending_name(Ending ending);

#endif							/* FLEET_TALLY_H */
