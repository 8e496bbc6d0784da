/*-------------------------------------------------------------------------
 *
 * app.h
 *		The always-on service beside the fleet.
 *
 * IDENTIFICATION
 *	  bench/fleet/app.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_APP_H
#define FLEET_APP_H

#include "options.h"

/* Connects the pool; tells connected once each session was let in or refused. */
extern void app_open(const Options *options, void (*connected) (void));
extern void app_close(void);

#endif							/* FLEET_APP_H */
