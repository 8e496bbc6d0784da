/*-------------------------------------------------------------------------
 *
 * admission.h
 *		The decision about a login, carried out.
 *
 * IDENTIFICATION
 *	  src/actors/admission.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_ADMISSION_H
#define GOV_ADMISSION_H

#include "core/policy_data.h"

#include "libpq/libpq-be.h"

/* The mode in force for logins of a class: by the policy, by this process, and by what the governor has read since. */
extern GovMode gov_admission_mode(int class_id);

/*
 * Takes the login at this port, whose slot waits, to its place: at once, by
 * ending a session at rest, or by waiting.  Ends the process with a FATAL if
 * it is refused, or if the client goes away meanwhile.  Where the mode is
 * observe it returns at once, and notes what it would have done.  kept_places:
 * see GovAdmitFacts.  Returns how long it has waited.
 */
extern GovTime gov_admission_pass(Port *port, int kept_places);

#endif							/* GOV_ADMISSION_H */
