/*-------------------------------------------------------------------------
 *
 * policy_file.h
 *		The file that a policy is kept in while the server is down.
 *
 * IDENTIFICATION
 *	  src/state/policy_file.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_FILE_H
#define GOV_POLICY_FILE_H

#include "core/policy_data.h"

#define GOV_POLICY_FILE		"pg_governor.policy"	/* in the data directory */

/* A policy, and what is known of it beside what it says. */
typedef struct GovSavedPolicy
{
	GovTime		loaded_at;		/* when it came into force */
	char		database[GOV_NAME_SIZE];	/* whose tables it was made of */
	GovPolicy	policy;
} GovSavedPolicy;

typedef enum GovFileRead
{
	GOV_FILE_READ,
	GOV_FILE_ABSENT,
	GOV_FILE_UNUSABLE,
} GovFileRead;

/*
 * Reads the file.  GOV_FILE_UNUSABLE: there is one that must not be used, and
 * *why says why.  What it returns has passed gov_policy_check().
 * Raises no error and takes no lock: called by the postmaster.
 */
extern GovFileRead gov_policy_file_read(GovSavedPolicy *saved, const char **why);

/*
 * Puts a file with this policy into the place of the one before, durably:
 * whatever happens meanwhile, one of the two is there and whole.  Returns
 * false, with errno, if it cannot; the old one is there then.  One caller at a
 * time.
 */
extern bool gov_policy_file_write(const GovSavedPolicy *saved);

#endif							/* GOV_POLICY_FILE_H */
