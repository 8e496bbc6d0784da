/*-------------------------------------------------------------------------
 *
 * human.h
 *		Somebody who logs in every so often.
 *
 * IDENTIFICATION
 *	  bench/fleet/human.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_HUMAN_H
#define FLEET_HUMAN_H

#include "options.h"

extern void human_open(const Options *options);
extern void human_close(void);

#endif							/* FLEET_HUMAN_H */
