/*-------------------------------------------------------------------------
 *
 * rename.h
 *		Names and identities that a session is given after its login.
 *
 * IDENTIFICATION
 *	  src/actors/rename.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_RENAME_H
#define GOV_RENAME_H

#include "core/identity.h"

typedef enum GovRegistration
{
	GOV_REGISTRATION_DONE,
	GOV_REGISTRATION_KNOWN,		/* it has that very identity already */
	GOV_REGISTRATION_FIXED,		/* it has another one, and may not change it any more */
	GOV_REGISTRATION_EXEMPT,
	GOV_REGISTRATION_NO_SESSION,
} GovRegistration;

/*
 * The session has another application_name now (less than GOV_NAME_SIZE bytes,
 * printable ASCII).  Moves it into the class that the name leads to, if it may
 * move; if the catalog must be asked for that, the governor does it.  Never
 * errors, reads no catalog: called at the end of a transaction.
 */
extern void gov_rename_session(const char *application_name);

/*
 * The session says which function it belongs to.  Moves it likewise.  Reads
 * shared catalogs: needs a transaction, may raise an error.
 */
extern GovRegistration gov_rename_register(const GovIdentity *identity);

/*
 * Moves the session in a slot if it has left its name to the governor.  Called
 * by it, in a transaction; may raise an error, and then the session stays as it
 * is.  Returns whether it may have moved.
 */
extern bool gov_rename_left_session(int slot);

#endif							/* GOV_RENAME_H */
