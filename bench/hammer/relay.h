/*-------------------------------------------------------------------------
 *
 * relay.h
 *		Stands between a client and the server, and cuts what the client
 *		sends into parts that arrive one after the other.
 *
 * IDENTIFICATION
 *	  bench/hammer/relay.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_RELAY_H
#define HAMMER_RELAY_H

#include "basics.h"

/* For one client at a time. */
typedef struct Relay Relay;

/*
 * A relay to the server at the other end of the socket, which it reaches by
 * the same transport.  Pauses between parts last from 0 to this.
 */
extern Relay *relay_make(int socket, Usec pause);

/* Where the client has to connect instead, as libpq's host and port. */
extern const char *relay_host(const Relay *relay);
extern const char *relay_port(const Relay *relay);

/* Ends what all relays hold, and removes their files.  The loop turns no more. */
extern void relay_clean_up(void);

#endif							/* HAMMER_RELAY_H */
