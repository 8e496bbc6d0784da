/*-------------------------------------------------------------------------
 *
 * login.h
 *		What happens to a login.
 *
 * IDENTIFICATION
 *	  src/actors/login.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_LOGIN_H
#define GOV_LOGIN_H

/* Hooks into client authentication.  Called once by _PG_init in the postmaster. */
extern void gov_login_install(void);

#endif							/* GOV_LOGIN_H */
