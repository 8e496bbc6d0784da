/*-------------------------------------------------------------------------
 *
 * evidence.c
 *		How sure it is that a session is of no use any more: who goes first.
 *
 * Owns: nothing; pure.                   Runs in: governor, views.
 *
 * IDENTIFICATION
 *	  src/core/evidence.c
 *-------------------------------------------------------------------------
 */
#include "core/evidence.h"

GovEvidenceRank
gov_evidence_rank(const GovEvidence *evidence)
{
	if (evidence->superseded)
		return GOV_EVIDENCE_SUPERSEDED;
	if (evidence->unresponsive)
		return GOV_EVIDENCE_UNRESPONSIVE;
	if (evidence->lease_is_over)
		return GOV_EVIDENCE_LEASE_IS_OVER;
	if (evidence->retired)
		return GOV_EVIDENCE_RETIRED;
	if (evidence->state == GOV_ACTIVITY_IDLE)
		return GOV_EVIDENCE_REST;
	return evidence->blocks ? GOV_EVIDENCE_BLOCKS : GOV_EVIDENCE_IN_TRANSACTION;
}

GovEvidenceRank
gov_evidence_rank_to_evict(const GovEvidence *evidence, GovTime rests_since,
						   GovTime evict_after, GovTime now)
{
	return now < gov_time_after(rests_since, evict_after) ?
		GOV_EVIDENCE_TOO_SOON : gov_evidence_rank(evidence);
}

bool
gov_version_serves(const GovActivity *activity, GovTime idle_timeout, GovTime now)
{
	return activity->state != GOV_ACTIVITY_IDLE ||
		now < gov_time_after(activity->state_since, idle_timeout);
}

void
gov_version_note_serving(GovVersionsServing *serving, const GovVersionSeen *version)
{
	if (version->first_login == 0)
		return;
	if (!serving->any || version->first_login > serving->newest)
		serving->newest = version->first_login;
	serving->any = true;
}

GovTime
gov_version_retired_at(const GovVersionSeen *version, const GovVersionsServing *serving,
					   GovTime idle_timeout)
{
	GovTime		retired_at = gov_time_after(version->last_login, idle_timeout);

	if (version->first_login == 0 || !serving->any || serving->newest <= version->first_login ||
		retired_at == GOV_NEVER)
		return 0;
	return retired_at;
}
