/*-------------------------------------------------------------------------
 *
 * help.h
 *		The text of --help.
 *
 * IDENTIFICATION
 *	  bench/fleet/help.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_HELP_H
#define FLEET_HELP_H

extern void help_print(void);

#endif							/* FLEET_HELP_H */
