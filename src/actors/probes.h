/*-------------------------------------------------------------------------
 *
 * probes.h
 *		Has the kernel probe this session's peer.
 *
 * IDENTIFICATION
 *	  src/actors/probes.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_PROBES_H
#define GOV_PROBES_H

#include "core/core.h"

/* Called once by _PG_init. */
extern void gov_probes_install(void);

/*
 * From here on this session's socket has the options that its class asks for
 * by unresponsive_timeout: from the end of the login on, and after the class,
 * the policy, the mode or sweep_interval has changed, from the end of the next
 * transaction on.  Without a timeout in force it has what it had before.
 * Does nothing for a unix socket.  Called in the login hook, after the slot was
 * claimed, and before gov_login_settings_take().
 */
extern void gov_probes_watch(void);

/*
 * Whether the connection was cut off by the kernel because its peer, which was
 * to be probed, has been silent for as long as its class allowed when it was
 * told so; and for how long it was.  Called while the process exits.
 */
extern bool gov_probes_cut_off(GovTime *silence);

#endif							/* GOV_PROBES_H */
