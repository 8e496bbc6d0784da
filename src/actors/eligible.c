/*-------------------------------------------------------------------------
 *
 * eligible.c
 *		Whether core would let a login in, were it not for us.
 *
 * Owns: nothing.                         Runs in: backends, at login.
 *
 * The same tests as InitializeSessionUserId() and CheckMyDatabase() in core
 * make a moment later.  The role is looked up by its name and in no other way:
 * core did so when it chose a line of pg_hba.conf, and does so again, so the
 * entry is in its cache.  pg_database is read by a scan on its name, as core
 * does at this point, and never by the syscache: an access list that was moved
 * out of line would be fetched by it from a table that cannot be opened yet,
 * which is a FATAL that nothing catches.
 *
 * IDENTIFICATION
 *	  src/actors/eligible.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "actors/eligible.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

bool
gov_eligible_role(const char *name, GovRoleEntry *role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(name));
	Form_pg_authid entry;

	if (!HeapTupleIsValid(tuple))
		return false;
	entry = (Form_pg_authid) GETSTRUCT(tuple);
	role->is_superuser = entry->rolsuper;
	role->can_login = entry->rolcanlogin;
	role->connection_limit = entry->rolconnlimit;
	ReleaseSysCache(tuple);
	return true;
}

static bool
role_lets_in(const GovSessionFacts *facts, const GovRoleEntry *role)
{
	return role->can_login &&
		(role->connection_limit < 0 || CountUserBackends(facts->role_oid) < role->connection_limit);
}

/*
 * Whether the list of rights lets the role connect; of one that is out of line
 * core knows more.  Not by aclmask(): here nobody is connected to a database
 * yet, so it would not know who counts as pg_database_owner.
 */
static bool
may_connect(Relation relation, HeapTuple tuple, const GovSessionFacts *facts)
{
	Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
	bool		is_null;
	Datum		rights;
	Acl		   *acl;
	const AclItem *items;
	bool		lets_in = false;

	if (HeapTupleHasExternal(tuple))
		return true;
	rights = heap_getattr(tuple, Anum_pg_database_datacl, RelationGetDescr(relation), &is_null);
	acl = is_null ? acldefault(OBJECT_DATABASE, database->datdba) : DatumGetAclP(rights);

	/* ACL_DAT() mixes signs; of NULLs there are none */
	items = (const AclItem *) ((const char *) acl + ARR_OVERHEAD_NONULLS(ARR_NDIM(acl)));
	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		if ((items[i].ai_privs & ACL_CONNECT) != 0 &&
			(items[i].ai_grantee == ACL_ID_PUBLIC || items[i].ai_grantee == facts->role_oid))
			return true;
	}
	for (int i = 0; i < ACL_NUM(acl) && !lets_in; i++)
	{
		Oid			grantee = items[i].ai_grantee;

		if (grantee == ROLE_PG_DATABASE_OWNER)
			grantee = database->datdba;
		lets_in = (items[i].ai_privs & ACL_CONNECT) != 0 && has_privs_of_role(facts->role_oid, grantee);
	}
	gov_classify_forget_memberships();
	return lets_in;
}

static bool
database_lets_in(const GovSessionFacts *facts)
{
	Relation	relation = table_open(DatabaseRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		lets_in = false;

	ScanKeyInit(&key, Anum_pg_database_datname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(facts->database));
	scan = systable_beginscan(relation, DatabaseNameIndexId, criticalSharedRelcachesBuilt, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		/* below -1 it is a database whose DROP was interrupted */
		lets_in = database->datallowconn && database->datconnlimit >= -1 &&
			(database->datconnlimit < 0 || CountDBConnections(database->oid) < database->datconnlimit) &&
			may_connect(relation, tuple, facts);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return lets_in;
}

bool
gov_eligible(const GovSessionFacts *facts, const GovRoleEntry *role)
{
	return role_lets_in(facts, role) && database_lets_in(facts);
}

int
gov_eligible_kept_places(const GovSessionFacts *facts)
{
	int			kept = gov_reserved_connections();

	if (kept == 0)
		return 0;
	if (!has_privs_of_role(facts->role_oid, GOV_ROLE_USE_RESERVED_CONNECTIONS))
		kept = 0;
	gov_classify_forget_memberships();
	return kept;
}
