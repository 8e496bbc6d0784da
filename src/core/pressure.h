/*-------------------------------------------------------------------------
 *
 * pressure.h
 *		How full it is, and what that does to an idle timeout.
 *
 * IDENTIFICATION
 *	  src/core/pressure.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_PRESSURE_H
#define GOV_PRESSURE_H

#include "core/core.h"

/* Below the low mark idle timeouts are whole, above the high mark they are at their floor. */
#define GOV_PRESSURE_LOW	0.80
#define GOV_PRESSURE_HIGH	0.95

/*
 * The larger of class sessions / cap and server sessions / usable slots, from
 * 0 up; above 1 when a cap was lowered below what is there.  A cap of 0 is no
 * cap and presses nobody.
 */
extern double gov_pressure(int class_sessions, int class_cap, int server_sessions, int usable_slots);

/*
 * The idle timeout in force under this pressure, linear between the marks:
 *
 *		t = floor + (full - floor) * (high - p) / (high - low)
 *
 * as Envoy's overload manager scales timers (reduce_timeouts).  A floor of
 * GOV_NEVER means no scaling, a timeout of GOV_NEVER stays so, and a floor
 * above the timeout changes nothing.
 */
extern GovTime gov_pressure_scale(GovTime full, GovTime floor, double pressure,
								  double low, double high);

#endif							/* GOV_PRESSURE_H */
