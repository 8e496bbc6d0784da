/*-------------------------------------------------------------------------
 *
 * identity.h
 *		Who a function environment says it is.
 *
 * An environment names itself in application_name:
 *
 *		faas:<platform>:<function>:<version>:<instance>
 *
 * Later parts are optional, an empty part is absent, the last part takes the
 * rest of the name.  The platform is folded to lower case.
 *
 * IDENTIFICATION
 *	  src/core/identity.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_IDENTITY_H
#define GOV_IDENTITY_H

#include "core/core.h"

/* Parts are NUL-terminated; an empty string means that the part is absent. */
typedef struct GovIdentity
{
	bool		present;		/* at least one part was given */
	bool		cut;			/* the name filled all 63 bytes: the rest is lost */
	char		platform[GOV_NAME_SIZE];
	char		function[GOV_NAME_SIZE];
	char		version[GOV_NAME_SIZE];
	char		instance[GOV_NAME_SIZE];
} GovIdentity;

/*
 * Reads the identity out of an application_name.  A NULL or foreign name gives
 * an identity with present = false.  A name of 63 bytes or more may have lost
 * its end, so no instance is taken from it: two environments would look like
 * one.  Never fails.  Returns identity->present.
 */
extern bool gov_identity_parse(const char *application_name, GovIdentity *identity);

/*
 * The same from parts that are given one by one; NULL and empty ones are
 * absent.  Each has at most 63 bytes: what is longer is cut, so callers check
 * before.  Returns identity->present.
 */
extern bool gov_identity_make(const char *platform, const char *function, const char *version,
							  const char *instance, GovIdentity *identity);

#endif							/* GOV_IDENTITY_H */
