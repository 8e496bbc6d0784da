/*-------------------------------------------------------------------------
 *
 * pressure.c
 *		How full it is, and what that does to an idle timeout.
 *
 * Owns: nothing; pure.                   Runs in: governor, views.
 *
 * IDENTIFICATION
 *	  src/core/pressure.c
 *-------------------------------------------------------------------------
 */
#include "core/pressure.h"

double
gov_pressure(int class_sessions, int class_cap, int server_sessions, int usable_slots)
{
	double		of_class = class_cap > 0 ? (double) class_sessions / class_cap : 0.0;
	double		of_server = usable_slots > 0 ? (double) server_sessions / usable_slots : 0.0;

	return of_class > of_server ? of_class : of_server;
}

GovTime
gov_pressure_scale(GovTime full, GovTime floor, double pressure, double low, double high)
{
	if (full == GOV_NEVER || floor == GOV_NEVER || floor >= full || pressure <= low)
		return full;
	if (pressure >= high)
		return floor;

	/* between the marks the share is between 0 and 1, so this stays between floor and full */
	return floor + (GovTime) ((double) (full - floor) * ((high - pressure) / (high - low)) + 0.5);
}
