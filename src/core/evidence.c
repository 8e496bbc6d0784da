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
	switch (activity->state)
	{
		case GOV_ACTIVITY_ACTIVE:
			return true;

		case GOV_ACTIVITY_IDLE:
		case GOV_ACTIVITY_IDLE_IN_TRANSACTION:
			return now < gov_time_after(activity->state_since, idle_timeout);

		case GOV_ACTIVITY_UNKNOWN:
		case GOV_ACTIVITY_STARTING:
			break;
	}
	return false;
}

void
gov_version_note_serving(GovVersionsServing *serving, const GovVersionSeen *version)
{
	if (version->order == 0)
		return;
	if (!serving->any || version->order > serving->newest)
		serving->newest = version->order;
	serving->any = true;
}

GovTime
gov_version_retired_at(const GovVersionSeen *version, const GovVersionsServing *serving,
					   GovTime used_at, const GovClass *limits)
{
	GovTime		unwanted_at = gov_time_after(version->last_login, limits->idle_timeout);
	GovTime		unused_at = gov_time_after(used_at, limits->idle_timeout_floor != GOV_NEVER ?
										   limits->idle_timeout_floor : limits->idle_timeout);
	GovTime		retired_at = unused_at > unwanted_at ? unused_at : unwanted_at;

	if (version->order == 0 || !serving->any || serving->newest <= version->order || retired_at == GOV_NEVER)
		return 0;
	return retired_at;
}
