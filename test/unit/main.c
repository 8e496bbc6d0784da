/*-------------------------------------------------------------------------
 *
 * main.c
 *		Runs the unit tests of the pure decisions and prints TAP.
 *
 * IDENTIFICATION
 *	  test/unit/main.c
 *-------------------------------------------------------------------------
 */
#define _POSIX_C_SOURCE 200809L	/* alarm() */

#define UNIT_MAIN
#include "unit.h"

extern const UnitTest identity_tests[];
extern const UnitTest rules_tests[];
extern const UnitTest pressure_tests[];
extern const UnitTest staleness_tests[];
extern const UnitTest liveness_tests[];
extern const UnitTest rate_tests[];
extern const UnitTest reason_tests[];
extern const UnitTest window_tests[];
extern const UnitTest admit_tests[];
extern const UnitTest gate_tests[];
extern const UnitTest evidence_tests[];
extern const UnitTest policy_tests[];
extern const UnitTest breaker_tests[];
extern const UnitTest breaker_model_tests[];

int
main(void)
{
	static const UnitTest *const lists[] = {
		identity_tests,
		rules_tests,
		pressure_tests,
		staleness_tests,
		liveness_tests,
		rate_tests,
		reason_tests,
		window_tests,
		admit_tests,
		gate_tests,
		evidence_tests,
		policy_tests,
		breaker_tests,
		breaker_model_tests,
	};

	return unit_run(lists, lengthof(lists));
}
