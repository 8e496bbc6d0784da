/*-------------------------------------------------------------------------
 *
 * peers.h
 *		What the governor has last seen of each session's peer.
 *
 * IDENTIFICATION
 *	  src/state/peers.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_PEERS_H
#define GOV_PEERS_H

#include "core/liveness.h"

extern Size gov_peers_shmem_size(void);
extern void gov_peers_shmem_attach(void *memory, bool is_new);

/* Notes what is known of the peer of a session.  Called by the governor alone; takes no lock. */
extern void gov_peers_write(int slot, uint32 generation, const GovPeer *peer);

/*
 * What was noted of it; all 0 if that was of another session, or before
 * `oldest`.  Any process; takes no lock.
 */
extern GovPeer gov_peers_read(int slot, uint32 generation, GovTime oldest);

#endif							/* GOV_PEERS_H */
