/*-------------------------------------------------------------------------
 *
 * kinship.h
 *		Which sessions of a census belong together: of one function instance,
 *		of one function.
 *
 * IDENTIFICATION
 *	  src/state/kinship.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_KINSHIP_H
#define GOV_KINSHIP_H

#include "state/census.h"

/* Working space for a census, in the current memory context. */
extern struct GovKin *gov_kinship_create(void);

/*
 * Of each class with sessions_per_instance, marks those sessions at rest that
 * an instance has above that: so many, those that work or were used last, stay
 * in any case.  One that is idle in a transaction counts, and is not marked.
 * Takes the sessions lock shared, for each instance that has too many.
 */
extern void gov_kinship_mark_superseded(GovCensus *census);

/*
 * Of each class with an idle_timeout, says of sessions at rest when their
 * version is or becomes retired, which is the same moment for all of them.
 * Takes the lock of the versions shared, for each version of a function that
 * has sessions of several; exclusively if the clock was set back meanwhile.
 */
extern void gov_kinship_mark_retired(GovCensus *census);

#endif							/* GOV_KINSHIP_H */
