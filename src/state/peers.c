/*-------------------------------------------------------------------------
 *
 * peers.c
 *		What the governor has last seen of each session's peer.
 *
 * Owns: GovPeers in shared memory.
 * Runs in: the governor (writes), whoever takes a census (reads).
 *
 * Locking: none.  There is one writer.  Each entry has a count that is odd
 * while it is written; a reader who finds it odd, or changed after he has
 * read, tries again.
 *
 * IDENTIFICATION
 *	  src/state/peers.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/peers.h"
#include "state/registry.h"

#include "port/atomics.h"

/* The writer needs some nanoseconds, unless it is taken off its processor in the middle. */
#define READ_TRIES	1000

typedef struct PeerEntry
{
	pg_atomic_uint32 count;		/* odd: is being written */
	uint32		generation;		/* of the session that it is about */
	GovPeer		peer;
} PeerEntry;

static PeerEntry *entries = NULL;

Size
gov_peers_shmem_size(void)
{
	return mul_size(gov_registry_slots(), sizeof(PeerEntry));
}

void
gov_peers_shmem_attach(void *memory, bool is_new)
{
	entries = memory;
	if (!is_new)
		return;
	memset(memory, 0, gov_peers_shmem_size());
	for (int i = 0; i < gov_registry_slots(); i++)
		pg_atomic_init_u32(&entries[i].count, 0);
}

/* A governor that was killed in the middle took the whole server through a restart. */
void
gov_peers_write(int slot, uint32 generation, const GovPeer *peer)
{
	PeerEntry  *entry = &entries[slot];
	uint32		count = pg_atomic_read_u32(&entry->count);

	pg_atomic_write_u32(&entry->count, count + 1);
	pg_write_barrier();
	entry->generation = generation;
	entry->peer = *peer;
	pg_write_barrier();
	pg_atomic_write_u32(&entry->count, count + 2);
}

GovPeer
gov_peers_read(int slot, uint32 generation, GovTime oldest)
{
	PeerEntry  *entry = &entries[slot];
	GovPeer		nothing = {0};

	for (int i = 0; i < READ_TRIES; i++)
	{
		uint32		before = pg_atomic_read_u32(&entry->count);
		uint32		about;
		GovPeer		peer;

		pg_read_barrier();
		about = entry->generation;
		peer = entry->peer;
		pg_read_barrier();
		if (before % 2 != 0 || pg_atomic_read_u32(&entry->count) != before)
			continue;
		return about == generation && peer.looked_at >= oldest ? peer : nothing;
	}
	return nothing;
}
