/*-------------------------------------------------------------------------
 *
 * policy.c
 *		The policy in force, and the protocol by which a new one is loaded.
 *
 * Owns: GovPolicyStore in shared memory, and when it is copied to its file.
 * Runs in: the postmaster (restore), backends (copy, request), policy loader
 * (publish, save), governor.
 *
 * Locking: GOV_LOCK_POLICY guards everything but the atomics and what is said
 * of the file.  A policy is replaced whole under it, and copied whole under it
 * in shared mode: a reader never sees parts of two generations.
 * GOV_LOCK_POLICY_FILE is for those who write the file, and for nobody else:
 * it is held while they write.
 *
 * Invariants:
 * (1) Class GOV_DEFAULT_CLASS is in use in every policy.
 * (2) finished <= requested, and both only grow.
 * (3) A class, a breaker and a rate limit keep their numbers for as long as
 *	   consecutive generations have them.
 * (4) Whoever has published saves afterwards, and what is saved is the policy
 *	   in force at that moment: so the file never goes back to an older one.
 *
 * IDENTIFICATION
 *	  src/state/policy.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "settings.h"
#include "state/breakers.h"
#include "state/policy.h"
#include "state/policy_file.h"
#include "state/shmem.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"

/* Edits of whom are remembered until a load covers them. */
#define EDITORS_REMEMBERED	16

typedef struct Edit
{
	uint64		request;		/* that asks for it to be loaded */
	GovEditor	editor;
} Edit;

typedef struct GovPolicyStore
{
	pg_atomic_uint64 generation;	/* of `policy`; written under the lock, read without */
	pg_atomic_uint64 requested; /* the last number given out */
	pg_atomic_uint64 finished;	/* all up to here are finished */
	pg_atomic_uint64 failed;	/* the last one that failed */
	pg_atomic_uint64 loaded;	/* the last one covered by a load that succeeded */
	pg_atomic_uint32 failure_reported;	/* the load begun last has failed and said why */
	pg_atomic_uint64 complained_of[GOV_COMPLAINT_COUNT];	/* the last generation that there was one about */
	pg_atomic_uint64 with_settings; /* a bit for each class id; written under the lock, read without */
	ConditionVariable load_finished;

	/* under GOV_LOCK_POLICY */
	uint64		published_for;	/* the last request that the policy covers */
	GovTime		loaded_at;
	char		database[GOV_NAME_SIZE];	/* whose tables the policy is made of */
	char		error[GOV_POLICY_ERROR_SIZE];
	Edit		edits[EDITORS_REMEMBERED];	/* by time; request 0: none */
	GovPolicy	policy;

	/* under GOV_LOCK_POLICY_FILE */
	uint64		saved_generation;	/* 0: not known */
	char		saved_database[GOV_NAME_SIZE];
	bool		save_failed;	/* the last time, and somebody said so */
} GovPolicyStore;

static GovPolicyStore *store = NULL;

Size
gov_policy_shmem_size(void)
{
	return sizeof(GovPolicyStore);
}

void
gov_policy_shmem_attach(void *memory, bool is_new)
{
	store = memory;
	if (!is_new)
		return;

	pg_atomic_init_u64(&store->generation, 0);
	pg_atomic_init_u64(&store->requested, 0);
	pg_atomic_init_u64(&store->finished, 0);
	pg_atomic_init_u64(&store->failed, 0);
	pg_atomic_init_u64(&store->loaded, 0);
	pg_atomic_init_u32(&store->failure_reported, 0);
	for (int kind = 0; kind < GOV_COMPLAINT_COUNT; kind++)
		pg_atomic_init_u64(&store->complained_of[kind], 0);
	pg_atomic_init_u64(&store->with_settings, 0);
	ConditionVariableInit(&store->load_finished);
	store->published_for = 0;
	store->loaded_at = 0;
	store->database[0] = '\0';
	store->error[0] = '\0';
	MemSet(store->edits, 0, sizeof(store->edits));
	store->saved_generation = 0;
	store->saved_database[0] = '\0';
	store->save_failed = false;
	gov_policy_make_empty(&store->policy);
}

static uint64
classes_with_settings(const GovPolicy *policy)
{
	uint64		classes = 0;

	StaticAssertStmt(GOV_MAX_CLASSES <= 64, "a class has no bit");
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (policy->classes[id].used && policy->classes[id].settings[0] != '\0')
			classes |= UINT64CONST(1) << id;
	}
	return classes;
}

/* Nobody else is there yet, so the locks are for form's sake. */
uint64_t
gov_policy_restore(void)
{
	GovSavedPolicy *saved = palloc_extended(sizeof(GovSavedPolicy), MCXT_ALLOC_NO_OOM);
	const char *why = "there is no memory for it";
	GovFileRead result = saved ? gov_policy_file_read(saved, &why) : GOV_FILE_UNUSABLE;
	uint64_t	generation = 0;

	if (result == GOV_FILE_READ)
	{
		generation = saved->policy.generation;
		LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_EXCLUSIVE);
		memcpy(&store->policy, &saved->policy, gov_policy_data_size(&saved->policy));
		store->loaded_at = saved->loaded_at;
		strlcpy(store->database, saved->database, sizeof(store->database));
		strlcpy(store->error, "the policy is that of before the start, from the file \"" GOV_POLICY_FILE
				"\": the tables have not been read yet", sizeof(store->error));
		pg_atomic_write_u64(&store->generation, generation);
		pg_atomic_write_u64(&store->with_settings, classes_with_settings(&saved->policy));
		gov_breakers_install(&store->policy);
		LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));

		store->saved_generation = generation;
		strlcpy(store->saved_database, saved->database, sizeof(store->saved_database));
	}
	else if (result == GOV_FILE_UNUSABLE)
		ereport(LOG,
				(errmsg("pg_governor ignores the file \"%s\": %s", GOV_POLICY_FILE, why),
				 errdetail("Nobody is governed until the policy tables have been read.")));
	if (saved)
		pfree(saved);
	return generation;
}

void
gov_policy_save(void)
{
	GovSavedPolicy *saved = palloc(sizeof(GovSavedPolicy));
	bool		complain = false;
	int			problem = 0;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY_FILE), LW_EXCLUSIVE);

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	memcpy(&saved->policy, &store->policy, gov_policy_data_size(&store->policy));
	saved->loaded_at = store->loaded_at;
	strlcpy(saved->database, store->database, sizeof(saved->database));
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));

	if (saved->policy.generation != store->saved_generation ||
		strcmp(saved->database, store->saved_database) != 0)
	{
		if (gov_policy_file_write(saved))
		{
			store->saved_generation = saved->policy.generation;
			strlcpy(store->saved_database, saved->database, sizeof(store->saved_database));
		}
		else
			problem = errno;
		complain = problem != 0 && !store->save_failed;
		store->save_failed = problem != 0;
	}

	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY_FILE));

	errno = problem;
	if (complain)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("pg_governor could not write the file \"%s\": %m", GOV_POLICY_FILE),
				 errdetail("The policy is in force.  After a crash or a restart an older one would be, until the tables have been read."),
				 errhint("It is tried again whenever the tables are read.")));
	pfree(saved);
}

void
gov_policy_make_empty(GovPolicy *policy)
{
	GovClass   *class = &policy->classes[GOV_DEFAULT_CLASS];

	MemSet(policy, 0, offsetof(GovPolicy, rules));
	class->used = true;
	strlcpy(class->name, GOV_DEFAULT_CLASS_NAME, sizeof(class->name));
	class->mode = GOV_MODE_OFF;
	class->evict_after = GOV_NEVER;
	class->idle_timeout = GOV_NEVER;
	class->idle_timeout_floor = GOV_NEVER;
	class->idle_in_transaction_timeout = GOV_NEVER;
	class->idle_blocker_timeout = GOV_NEVER;
	class->transaction_timeout = GOV_NEVER;
	class->max_lifetime = GOV_NEVER;
	class->unresponsive_timeout = GOV_NEVER;
}

/*
 * Room for the largest policy is taken before the lock; the pages behind the
 * rules that there are stay untouched.
 */
GovPolicy *
gov_policy_copy(void)
{
	GovPolicy  *copy = palloc(sizeof(GovPolicy));

	gov_policy_copy_into(copy);
	return copy;
}

void
gov_policy_copy_into(GovPolicy *policy)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	memcpy(policy, &store->policy, gov_policy_data_size(&store->policy));
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
}

/* By its own mode and thresholds. */
static bool
can_make_stale(const GovClass *class)
{
	return class->used && class->mode != GOV_MODE_OFF &&
		(class->idle_timeout != GOV_NEVER ||
		 class->idle_in_transaction_timeout != GOV_NEVER ||
		 class->idle_blocker_timeout != GOV_NEVER ||
		 class->transaction_timeout != GOV_NEVER ||
		 class->max_sessions > 0 || class->paused ||
		 class->sessions_per_instance > 0 ||
		 class->unresponsive_timeout != GOV_NEVER ||
		 class->max_lifetime != GOV_NEVER);
}

bool
gov_policy_class_is_governed(const GovClass *class)
{
	return can_make_stale(class) && gov_settings_mode_of(class) != GOV_MODE_OFF;
}

void
gov_policy_find_rule(uint64_t *generation, int *next, const GovFacts *facts, GovRuleFound *found)
{
	const GovPolicy *policy = &store->policy;
	int			i;

	found->classification.class_id = GOV_DEFAULT_CLASS;
	found->classification.position = GOV_NO_RULE;
	found->group[0] = '\0';

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	if (*generation != policy->generation)
	{
		*generation = policy->generation;
		*next = 0;
	}
	i = gov_rules_next(policy, *next, facts);
	if (i != GOV_NO_RULE)
	{
		const GovRule *rule = &policy->rules[i];
		const char *group = gov_rules_asks_membership(rule);

		found->classification.class_id = rule->class_id;
		found->classification.position = rule->position;
		if (group)
			strlcpy(found->group, group, sizeof(found->group));
		*next = i + 1;
	}
	found->may_become_stale = can_make_stale(&policy->classes[found->classification.class_id]);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
}

bool
gov_policy_copy_settings(int class_id, char *settings)
{
	const GovClass *class = &store->policy.classes[class_id];
	bool		copied = false;

	if ((pg_atomic_read_u64(&store->with_settings) & (UINT64CONST(1) << class_id)) == 0)
		return false;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	if (class->used && gov_settings_mode_of(class) == GOV_MODE_ENFORCE)
	{
		memcpy(settings, class->settings, GOV_SETTINGS_SIZE);
		copied = settings[0] != '\0';
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return copied;
}

GovTime
gov_policy_unresponsive_timeout(int class_id)
{
	const GovClass *class = &store->policy.classes[class_id];
	GovTime		timeout = GOV_NEVER;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	if (class->used && gov_settings_mode_of(class) == GOV_MODE_ENFORCE)
		timeout = class->unresponsive_timeout;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return timeout;
}

GovMode
gov_policy_mode_of(int class_id)
{
	GovMode		mode = GOV_MODE_OFF;

	if (class_id == GOV_NO_CLASS)
		return mode;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	if (store->policy.classes[class_id].used)
		mode = gov_settings_mode_of(&store->policy.classes[class_id]);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return mode;
}

bool
gov_policy_class_compares_versions(int class_id)
{
	const GovClass *class = &store->policy.classes[class_id];
	bool		compares;

	if (class_id == GOV_NO_CLASS)
		return false;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	compares = class->used && class->idle_timeout != GOV_NEVER && gov_settings_mode_of(class) != GOV_MODE_OFF;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return compares;
}

bool
gov_policy_find_breaker(const char *name, GovNamed *named)
{
	const GovPolicy *policy = &store->policy;
	int			number;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	number = gov_policy_breaker_named(policy, name);
	if (number != GOV_NO_BREAKER)
	{
		named->generation = policy->generation;
		named->number = number;
		named->guards = false;
		for (int id = 0; id < GOV_MAX_CLASSES && !named->guards; id++)
			named->guards = policy->classes[id].used && strcmp(policy->classes[id].breaker, name) == 0;
		strlcpy(named->role, policy->breakers[number].role, sizeof(named->role));
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));

	/* a policy of before the start may have more than there is room for now */
	return number != GOV_NO_BREAKER && number < gov_settings_max_breakers;
}

bool
gov_policy_find_rate(const char *name, GovNamed *named)
{
	const GovPolicy *policy = &store->policy;
	int			number;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	number = gov_policy_rate_named(policy, name);
	if (number != GOV_NO_BREAKER)
	{
		named->generation = policy->generation;
		named->number = number;
		named->guards = false;
		strlcpy(named->role, policy->rates[number].role, sizeof(named->role));
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return number != GOV_NO_BREAKER && number < gov_settings_max_breakers;
}

uint64_t
gov_policy_generation(void)
{
	return pg_atomic_read_u64(&store->generation);
}

static int
class_id_by_name(const GovPolicy *policy, const char *name)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (policy->classes[id].used && strcmp(policy->classes[id].name, name) == 0)
			return id;
	}
	return GOV_NO_CLASS;
}

/* An id that names a class neither in the new policy (so far) nor in the old one. */
static int
free_class_id(const GovPolicy *policy, const GovPolicy *old)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (!policy->classes[id].used && !old->classes[id].used)
			return id;
	}
	/* all ids are taken: take over that of a class which is going away */
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (!policy->classes[id].used &&
			class_id_by_name(policy, old->classes[id].name) == GOV_NO_CLASS)
			return id;
	}
	return GOV_NO_CLASS;
}

/* Gives every class of the policy the id that it has in the old one, or a free one. */
static void
keep_class_ids(GovPolicy *policy, const GovPolicy *old)
{
	GovClass	wanted[GOV_MAX_CLASSES];
	int			new_id[GOV_MAX_CLASSES];

	memcpy(wanted, policy->classes, sizeof(wanted));
	MemSet(policy->classes, 0, sizeof(policy->classes));

	/* first those that stay, so that no new class takes their place */
	for (int i = 0; i < GOV_MAX_CLASSES; i++)
	{
		new_id[i] = wanted[i].used ? class_id_by_name(old, wanted[i].name) : GOV_NO_CLASS;
		if (new_id[i] != GOV_NO_CLASS)
			memcpy(&policy->classes[new_id[i]], &wanted[i], sizeof(GovClass));
	}
	for (int i = 0; i < GOV_MAX_CLASSES; i++)
	{
		if (!wanted[i].used || new_id[i] != GOV_NO_CLASS)
			continue;
		new_id[i] = free_class_id(policy, old);
		Assert(new_id[i] != GOV_NO_CLASS);
		memcpy(&policy->classes[new_id[i]], &wanted[i], sizeof(GovClass));
	}
	for (int i = 0; i < policy->nrules; i++)
		policy->rules[i].class_id = new_id[policy->rules[i].class_id];
}

/*
 * The same for breakers.  Those that stay come first; there is always a place for
 * the others, as no policy has more than governor.max_breakers.
 */
static void
keep_breaker_numbers(GovPolicy *policy, const GovPolicy *old)
{
	GovBreakerSettings wanted[GOV_MAX_BREAKERS];
	int			free_number = 0;

	memcpy(wanted, policy->breakers, sizeof(wanted));
	MemSet(policy->breakers, 0, sizeof(policy->breakers));
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < GOV_MAX_BREAKERS && wanted[i].used; i++)
		{
			int			number = gov_policy_breaker_named(old, wanted[i].name);

			if (number >= gov_settings_max_breakers)
				number = GOV_NO_BREAKER;	/* it had a place when there were more */
			if ((number != GOV_NO_BREAKER) != (pass == 0))
				continue;
			if (number == GOV_NO_BREAKER)
			{
				while (policy->breakers[free_number].used)
					free_number++;
				number = free_number;
			}
			policy->breakers[number] = wanted[i];
		}
	}
}

static void
keep_rate_numbers(GovPolicy *policy, const GovPolicy *old)
{
	GovRate		wanted[GOV_MAX_BREAKERS];
	int			free_number = 0;

	memcpy(wanted, policy->rates, sizeof(wanted));
	MemSet(policy->rates, 0, sizeof(policy->rates));
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < GOV_MAX_BREAKERS && wanted[i].used; i++)
		{
			int			number = gov_policy_rate_named(old, wanted[i].name);

			if (number >= gov_settings_max_breakers)
				number = GOV_NO_BREAKER;	/* it had a place when there were more */
			if ((number != GOV_NO_BREAKER) != (pass == 0))
				continue;
			if (number == GOV_NO_BREAKER)
			{
				while (policy->rates[free_number].used)
					free_number++;
				number = free_number;
			}
			policy->rates[number] = wanted[i];
		}
	}
}

/*
 * Who made the edits that are loaded for this request; forgets them.  An edit
 * that was committed since has a higher number, and a load of its own.
 */
static void
take_editor(uint64 request, GovEditor *editor)
{
	memset(editor, 0, sizeof(*editor));
	for (int i = 0; i < EDITORS_REMEMBERED; i++)
	{
		Edit	   *edit = &store->edits[i];

		if (edit->request == 0 || edit->request > request)
			continue;
		if (editor->name[0] == '\0' && !editor->several)
			*editor = edit->editor;
		else if (edit->editor.role != editor->role)
			*editor = (GovEditor) {.several = true};
		edit->request = 0;
	}
}

bool
gov_policy_publish(GovPolicy *policy, uint64_t request, void (*reset) (int class_id),
				   GovPolicy *replaced, GovEditor *editor)
{
	GovPolicy  *current = &store->policy;
	GovTime		now = gov_clock_now();
	bool		is_new;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_EXCLUSIVE);

	/* a loader that a governor left behind when it died may come late */
	if (request < store->published_for)
	{
		LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
		return false;
	}
	store->published_for = request;
	take_editor(request, editor);
	strlcpy(store->database, gov_settings_database, sizeof(store->database));

	keep_class_ids(policy, current);
	keep_breaker_numbers(policy, current);
	keep_rate_numbers(policy, current);
	policy->generation = current->generation;
	is_new = current->generation == 0 ||
		gov_policy_data_size(policy) != gov_policy_data_size(current) ||
		memcmp(policy, current, gov_policy_data_size(policy)) != 0;
	if (is_new)
	{
		for (int id = 0; id < GOV_MAX_CLASSES; id++)
		{
			if (policy->classes[id].used &&
				strcmp(policy->classes[id].name, current->classes[id].name) != 0)
				reset(id);
		}
		memcpy(replaced, current, gov_policy_data_size(current));
		policy->generation++;
		memcpy(current, policy, gov_policy_data_size(policy));
		pg_atomic_write_u64(&store->with_settings, classes_with_settings(policy));
		gov_breakers_install(policy);
		store->loaded_at = now;
		pg_atomic_write_u64(&store->generation, policy->generation);
	}

	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return is_new;
}

void
gov_policy_report(uint64_t request, bool loaded, const char *error)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_EXCLUSIVE);
	if (request >= store->published_for)
	{
		strlcpy(store->error, error, sizeof(store->error));
		if (loaded)
			pg_atomic_write_u64(&store->loaded, request);
		else
			pg_atomic_write_u32(&store->failure_reported, 1);
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
}

void
gov_policy_begin_load(void)
{
	pg_atomic_write_u32(&store->failure_reported, 0);
}

bool
gov_policy_failure_is_reported(void)
{
	return pg_atomic_read_u32(&store->failure_reported) != 0;
}

bool
gov_policy_first_complaint(GovComplaint kind)
{
	uint64		generation = gov_policy_generation();

	return pg_atomic_exchange_u64(&store->complained_of[kind], generation) != generation;
}

void
gov_policy_info(GovPolicyInfo *info)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	info->generation = store->policy.generation;
	info->loaded_at = store->loaded_at;
	strlcpy(info->error, store->error, sizeof(info->error));
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
}

void
gov_policy_class_name(int class_id, char *name)
{
	name[0] = '\0';
	if (class_id < 0 || class_id >= GOV_MAX_CLASSES)
		return;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_SHARED);
	if (store->policy.classes[class_id].used)
		strlcpy(name, store->policy.classes[class_id].name, GOV_NAME_SIZE);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
}

uint64_t
gov_policy_request_load(void)
{
	return pg_atomic_add_fetch_u64(&store->requested, 1);
}

uint64_t
gov_policy_request_load_of_edit(const GovEditor *editor)
{
	Edit	   *oldest = &store->edits[0];
	uint64		request;

	/* the number under the lock too: no load that covers it publishes before the edit is noted */
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_POLICY), LW_EXCLUSIVE);
	request = gov_policy_request_load();
	for (int i = 1; i < EDITORS_REMEMBERED; i++)
	{
		if (store->edits[i].request < oldest->request)
			oldest = &store->edits[i];
	}
	oldest->request = request;
	oldest->editor = *editor;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_POLICY));
	return request;
}

uint64_t
gov_policy_last_request(void)
{
	return pg_atomic_read_u64(&store->requested);
}

uint64_t
gov_policy_finished_request(void)
{
	return pg_atomic_read_u64(&store->finished);
}

/* Only the governor finishes loads, so no two do at once. */
void
gov_policy_finish_load(uint64_t request, bool ok)
{
	Assert(request >= pg_atomic_read_u64(&store->finished));
	if (!ok)
		pg_atomic_write_u64(&store->failed, request);
	pg_write_barrier();
	pg_atomic_write_u64(&store->finished, request);
	ConditionVariableBroadcast(&store->load_finished);
}

uint64_t
gov_policy_loaded_request(void)
{
	return pg_atomic_read_u64(&store->loaded);
}

GovLoadState
gov_policy_load_state(uint64_t request)
{
	if (pg_atomic_read_u64(&store->finished) < request)
		return GOV_LOAD_PENDING;
	pg_read_barrier();
	/* a later load may have succeeded meanwhile: then ours counts as done too */
	if (pg_atomic_read_u64(&store->failed) == pg_atomic_read_u64(&store->finished))
		return GOV_LOAD_FAILED;
	return GOV_LOAD_DONE;
}

void
gov_policy_await_load(long timeout_ms)
{
	static uint32 wait_event = 0;

	(void) ConditionVariableTimedSleep(&store->load_finished, timeout_ms,
									   gov_wait_event(&wait_event, "GovernorPolicyLoad"));
}
