/*-------------------------------------------------------------------------
 *
 * kinship.c
 *		Which sessions of a census belong together: of one function instance,
 *		of one function.
 *
 * Owns: nothing in shared memory.        Runs in: the governor, views.
 *
 * Sessions are sorted by the hashes in their slots, so that kin stand side by
 * side.  Two that share a hash by chance, or by design of a client, must not
 * end for each other: of an instance that has too many sessions the names
 * themselves are compared.  Versions are only compared by their hashes, whose
 * seed nobody outside knows; what is at stake there is the length of a rest.
 *
 * Within a function only the same role and database count, so a name that
 * another role has made up retires nobody, nor does another environment of the
 * same function.
 *
 * IDENTIFICATION
 *	  src/state/kinship.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/kinship.h"
#include "state/shmem.h"
#include "state/versions.h"

/* A session beside what it is sorted by. */
typedef struct GovKin
{
	uint64		family;			/* its instance, or its function */
	uint64		member;			/* its version, of which there may be several in a function */
	GovCensusRow *row;
} GovKin;

struct GovKin *
gov_kinship_create(void)
{
	return palloc(gov_registry_slots() * sizeof(GovKin));
}

static bool
rests(const GovCensusRow *row)
{
	return row->activity.state == GOV_ACTIVITY_IDLE;
}

/* Those that were used last come first. */
static int
by_family_and_use(const void *a, const void *b)
{
	const GovKin *left = a;
	const GovKin *right = b;
	GovTime		left_used = gov_activity_used_at(&left->row->activity);
	GovTime		right_used = gov_activity_used_at(&right->row->activity);

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	if (left_used != right_used)
		return left_used > right_used ? -1 : 1;
	return left->row->slot - right->row->slot;
}

static int
by_family_and_member(const void *a, const void *b)
{
	const GovKin *left = a;
	const GovKin *right = b;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	if (left->member != right->member)
		return left->member < right->member ? -1 : 1;
	return 0;
}

/* How many from the first one on are of its family. */
static int
family_size(const GovKin *first, const GovKin *end)
{
	int			n = 1;

	while (first + n < end && first[n].family == first->family)
		n++;
	return n;
}

/* How many from the first one on are of its version. */
static int
version_size(const GovKin *first, const GovKin *end)
{
	int			n = 1;

	while (first + n < end && first[n].member == first->member)
		n++;
	return n;
}

/*
 * Leaves only those that are of the very same instance as the first one, and
 * here; returns how many.
 */
static int
keep_the_same(GovKin *kin, int n)
{
	const GovCensusRow *first = kin->row;
	int			same = 1;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	for (int i = 1; i < n; i++)
	{
		const GovCensusRow *row = kin[i].row;

		if (gov_registry_same_instance(first->slot, first->generation, row->slot, row->generation))
			kin[same++] = kin[i];
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return same;
}

/*
 * The sessions of a class that belong to an instance; returns how many.  One
 * that logs in does not: the login may fail yet, and then the one that came
 * before it was the last.
 */
static int
find_instances(GovCensus *census, int class_id)
{
	int			n = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (row->class_id != class_id || row->waits || row->keys.instance == 0 ||
			row->activity.state == GOV_ACTIVITY_STARTING)
			continue;
		census->kin[n].family = row->keys.instance;
		census->kin[n].member = 0;
		census->kin[n++].row = row;
	}
	return n;
}

void
gov_kinship_mark_superseded(GovCensus *census)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		int			allowed = class->sessions_per_instance;
		GovKin	   *end;
		int			size;

		if (!class->used || allowed == 0 || census->classes[id].mode == GOV_MODE_OFF ||
			census->classes[id].sessions <= allowed || census->classes[id].idle == 0)
			continue;
		end = census->kin + find_instances(census, id);
		qsort(census->kin, end - census->kin, sizeof(GovKin), by_family_and_use);
		for (GovKin *kin = census->kin; kin < end; kin += size)
		{
			int			same;

			size = family_size(kin, end);
			same = size > allowed ? keep_the_same(kin, size) : 0;
			for (int i = allowed; i < same; i++)
				kin[i].row->activity.superseded = rests(kin[i].row);
		}
	}
}

/* The sessions of a class that belong to a version of a function; returns how many. */
static int
find_versions(GovCensus *census, int class_id)
{
	int			n = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (row->class_id != class_id || row->waits || row->keys.version == 0)
			continue;
		census->kin[n].family = row->keys.function;
		census->kin[n].member = row->keys.version;
		census->kin[n++].row = row;
	}
	return n;
}

/* Which versions of a function serve. */
static GovVersionsServing
find_serving(const GovKin *function, const GovKin *end, GovTime idle_timeout, GovTime now)
{
	GovVersionsServing serving = {0};
	int			size;

	for (const GovKin *kin = function; kin < end; kin += size)
	{
		bool		serves = false;

		size = version_size(kin, end);
		for (int i = 0; i < size && !serves; i++)
			serves = gov_version_serves(&kin[i].row->activity, idle_timeout, now);
		if (serves)
		{
			GovVersionSeen seen = gov_versions_find(kin->member);

			gov_version_note_serving(&serving, &seen);
		}
	}
	return serving;
}

/* When a version was used last, by its sessions. */
static GovTime
last_use(const GovKin *version, int size)
{
	GovTime		used_at = 0;

	for (int i = 0; i < size; i++)
		used_at = Max(used_at, gov_activity_used_at(&version[i].row->activity));
	return used_at;
}

/* Of a function with sessions of several versions. */
static void
mark_versions(const GovKin *function, const GovKin *end, const GovClass *limits, GovTime now)
{
	GovVersionsServing serving = find_serving(function, end, limits->idle_timeout, now);
	int			size;

	for (const GovKin *kin = function; kin < end; kin += size)
	{
		GovVersionSeen seen = gov_versions_find(kin->member);
		GovTime		retired_at;

		size = version_size(kin, end);
		retired_at = gov_version_retired_at(&seen, &serving, last_use(kin, size), limits);
		for (int i = 0; i < size; i++)
		{
			if (rests(kin[i].row))
				kin[i].row->activity.retired_at = retired_at;
		}
	}
}

void
gov_kinship_mark_retired(GovCensus *census)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		const GovKin *end;
		int			size;

		if (!class->used || class->idle_timeout == GOV_NEVER ||
			(class->idle_timeout_floor == GOV_NEVER && class->evict_after == GOV_NEVER) ||
			census->classes[id].mode == GOV_MODE_OFF ||
			census->classes[id].sessions < 2 || census->classes[id].idle == 0)
			continue;
		end = census->kin + find_versions(census, id);
		qsort(census->kin, end - census->kin, sizeof(GovKin), by_family_and_member);
		for (const GovKin *kin = census->kin; kin < end; kin += size)
		{
			size = family_size(kin, end);

			/* they are sorted by version, too */
			if (kin->member != kin[size - 1].member)
				mark_versions(kin, kin + size, class, census->taken_at);
		}
	}
}
