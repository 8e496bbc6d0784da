/*-------------------------------------------------------------------------
 *
 * versions.c
 *		Which versions of functions have logged in, and when.
 *
 * Owns: GovVersions in shared memory.
 * Runs in: backends (at login, views), the governor.
 *
 * Locking: GOV_LOCK_VERSIONS, exclusive to note or correct a login, shared to
 * look one up, each for a look at one set.  No other lock is held with it.
 *
 * The table is of fixed size: a version has its place in one of the sets, and
 * there replaces the one whose last login is the longest ago.  What comes
 * before what is counted, and not told by the clock, which may go back.  Of a
 * version that was replaced nothing is known, so nobody ends because of it;
 * when it logs in again it counts as one that has just come.
 *
 * Known limits: more than WAYS versions in one set within a short time push
 * each other out, and then one that came earlier may pass for one that came
 * later.  It takes some thousand versions for that.
 *
 * IDENTIFICATION
 *	  src/state/versions.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "state/policy.h"
#include "state/shmem.h"
#include "state/versions.h"

#define SETS	512				/* a power of two */
#define WAYS	8

typedef struct Version
{
	uint64		key;			/* 0: a free place */
	uint64		used;			/* the number of its last login */
	GovVersionSeen seen;
} Version;

typedef struct GovVersions
{
	uint64		logins;			/* noted so far */
	Version		sets[SETS][WAYS];
} GovVersions;

static GovVersions *versions = NULL;

Size
gov_versions_shmem_size(void)
{
	return sizeof(GovVersions);
}

void
gov_versions_shmem_attach(void *memory, bool is_new)
{
	versions = memory;
	if (is_new)
		memset(versions, 0, sizeof(GovVersions));
}

/* Its place, or, if it has none, the one to give it. */
static Version *
place_of(uint64 key)
{
	Version    *set = versions->sets[key & (SETS - 1)];
	Version    *oldest = &set[0];

	for (int i = 0; i < WAYS; i++)
	{
		if (set[i].key == key)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

void
gov_versions_note_login(uint64 key, int class_id)
{
	GovTime		now = gov_clock_now();
	Version    *place;

	if (key == 0 || !gov_policy_class_compares_versions(class_id))
		return;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_VERSIONS), LW_EXCLUSIVE);
	place = place_of(key);
	place->used = ++versions->logins;
	if (place->key != key)
	{
		place->key = key;
		place->seen.order = versions->logins;
	}
	place->seen.last_login = now;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_VERSIONS));
}

/* A last login that is yet to come, as the clock was set back, was at most now. */
static GovTime
correct_last_login(uint64 key)
{
	GovTime		last_login = gov_clock_now();
	Version    *place;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_VERSIONS), LW_EXCLUSIVE);
	place = place_of(key);
	if (place->key == key)
		last_login = place->seen.last_login = Min(place->seen.last_login, last_login);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_VERSIONS));
	return last_login;
}

GovVersionSeen
gov_versions_find(uint64 key)
{
	GovVersionSeen seen = {0};
	const Version *place;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_VERSIONS), LW_SHARED);
	place = place_of(key);
	if (key != 0 && place->key == key)
		seen = place->seen;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_VERSIONS));
	if (seen.last_login > gov_clock_now())
		seen.last_login = correct_last_login(key);
	return seen;
}
