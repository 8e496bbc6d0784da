/*-------------------------------------------------------------------------
 *
 * versions.h
 *		Which versions of functions have logged in, and when.
 *
 * IDENTIFICATION
 *	  src/state/versions.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_VERSIONS_H
#define GOV_VERSIONS_H

#include "core/evidence.h"

extern Size gov_versions_shmem_size(void);
extern void gov_versions_shmem_attach(void *memory, bool is_new);

/*
 * Notes that somebody has come into a class with a version, by its key
 * (GovSessionKeys); 0 is none.  Does nothing for a class that cannot use it.
 * A session that has a version is noted once, and once more if it moves into
 * another class: else one that says ever another version would push all others
 * out of the memory.  Called by the session itself, and by the governor for a
 * name that came later.  Takes the policy lock shared, and then the lock of the
 * versions.  Never errors.
 */
extern void gov_versions_note_login(uint64 version, int class_id);

/* What is known of a version; all zero if that is nothing.  Never errors. */
extern GovVersionSeen gov_versions_find(uint64 version);

#endif							/* GOV_VERSIONS_H */
