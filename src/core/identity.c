/*-------------------------------------------------------------------------
 *
 * identity.c
 *		Who a function environment says it is.
 *
 * Owns: nothing; pure.                   Runs in: every process.
 *
 * IDENTIFICATION
 *	  src/core/identity.c
 *-------------------------------------------------------------------------
 */
#include "core/identity.h"

#include <string.h>

#define IDENTITY_PREFIX		"faas:"

/* Copies the part that begins at *from; *from moves behind its colon, or is NULL at the end. */
static void
take_part(const char **from, bool takes_the_rest, char *part)
{
	const char *end;
	size_t		length;

	part[0] = '\0';
	if (*from == NULL)
		return;

	end = takes_the_rest ? NULL : strchr(*from, ':');
	length = end ? (size_t) (end - *from) : strlen(*from);
	if (length >= GOV_NAME_SIZE)
		length = GOV_NAME_SIZE - 1;
	memcpy(part, *from, length);
	part[length] = '\0';
	*from = end ? end + 1 : NULL;
}

/* What follows from the parts. */
static void
finish(GovIdentity *identity)
{
	for (char *c = identity->platform; *c; c++)
	{
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	}
	identity->present = identity->platform[0] || identity->function[0] ||
		identity->version[0] || identity->instance[0];
}

bool
gov_identity_parse(const char *application_name, GovIdentity *identity)
{
	char		name[GOV_NAME_SIZE];
	const char *rest;
	size_t		length;

	memset(identity, 0, sizeof(*identity));
	if (application_name == NULL ||
		strncmp(application_name, IDENTITY_PREFIX, strlen(IDENTITY_PREFIX)) != 0)
		return false;

	/* The server keeps 63 bytes; see the same ones wherever the name comes from. */
	length = strlen(application_name);
	identity->cut = length >= GOV_NAME_SIZE - 1;
	if (length > GOV_NAME_SIZE - 1)
		length = GOV_NAME_SIZE - 1;
	memcpy(name, application_name, length);
	name[length] = '\0';

	rest = name + strlen(IDENTITY_PREFIX);
	take_part(&rest, false, identity->platform);
	take_part(&rest, false, identity->function);
	take_part(&rest, false, identity->version);
	take_part(&rest, true, identity->instance);

	finish(identity);
	if (identity->cut)
		identity->instance[0] = '\0';
	return identity->present;
}

bool
gov_identity_make(const char *platform, const char *function, const char *version,
				  const char *instance, GovIdentity *identity)
{
	memset(identity, 0, sizeof(*identity));
	take_part(&platform, true, identity->platform);
	take_part(&function, true, identity->function);
	take_part(&version, true, identity->version);
	take_part(&instance, true, identity->instance);
	finish(identity);
	return identity->present;
}
