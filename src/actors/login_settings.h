/*-------------------------------------------------------------------------
 *
 * login_settings.h
 *		Defaults of parameters that a class gives to sessions at login.
 *
 * A setting is a string `name=value`, as GovClass has it.
 *
 * IDENTIFICATION
 *	  src/actors/login_settings.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_LOGIN_SETTINGS_H
#define GOV_LOGIN_SETTINGS_H

#include "compat.h"

/*
 * Has this login given the settings of its class when its own transaction
 * commits.  Called in the login hook; never errors.
 */
extern void gov_login_settings_take(int class_id);

/*
 * Whether a session could be given this setting, as far as can be told here.
 * If not, `reason` (size bytes) says why.  Changes nothing.  What has not the
 * form of a setting passes: a constraint of the table refuses it.  Needs a
 * transaction, and no parallel operation.
 */
extern bool gov_login_settings_try(const char *setting, char *reason, size_t size);

#endif							/* GOV_LOGIN_SETTINGS_H */
