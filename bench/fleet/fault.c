/*-------------------------------------------------------------------------
 *
 * fault.c
 *		Why something failed.
 *
 * IDENTIFICATION
 *	  bench/fleet/fault.c
 *
 *-------------------------------------------------------------------------
 */
#include "fault.h"

#include <stdio.h>
#include <string.h>

#define SQLSTATE_LENGTH	5

void
fault_clear(Fault *fault)
{
	fault->code[0] = '\0';
	fault->message[0] = '\0';
}

/*
 * Adds the first line of text, in the given format, to the message.  What does
 * not fit is cut between characters: a half one would break the JSON.
 */
static void
add_line(Fault *fault, const char *format, const char *text)
{
	size_t		used = strlen(fault->message);
	size_t		room = sizeof(fault->message) - used;
	char		line[sizeof(fault->message)];
	size_t		end;

	snprintf(line, sizeof(line), "%.*s", (int) strcspn(text, "\n"), text);
	if ((size_t) snprintf(fault->message + used, room, format, line) < room &&
		strcspn(text, "\n") < sizeof(line))
		return;
	end = strlen(fault->message);
	while (end > 0 && (fault->message[end - 1] & 0xC0) == 0x80)
		end--;
	if (end > 0 && (fault->message[end - 1] & 0x80) != 0)
		end--;
	fault->message[end] = '\0';
}

void
fault_set(Fault *fault, const char *code, const char *message)
{
	snprintf(fault->code, sizeof(fault->code), "%s", code);
	fault->message[0] = '\0';
	add_line(fault, "%s", message);
}

bool
fault_is_set(const Fault *fault)
{
	return fault->code[0] != '\0';
}

void
fault_from_result(Fault *fault, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	fault_set(fault, code != NULL ? code : FAULT_LOST,
			  primary != NULL ? primary : PQresultErrorMessage(result));
	if (detail != NULL)
		add_line(fault, " (%s)", detail);
}

/*
 * The last ":  XXXXX: " of the text, X being a capital or a digit and one of
 * them at least a digit (every SQLSTATE has one; "DETAIL:  CLASS: ..." has
 * none).  The words before it are translated, so only its shape can be relied
 * on; the last one, because with several addresses libpq adds one message
 * after another.
 */
static const char *
find_sqlstate(const char *text)
{
	const char *found = NULL;

	for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  "))
	{
		const char *code = at + 3;

		if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == SQLSTATE_LENGTH &&
			strcspn(code, "0123456789") < SQLSTATE_LENGTH &&
			code[SQLSTATE_LENGTH] == ':' && code[SQLSTATE_LENGTH + 1] == ' ')
			found = code;
	}
	return found;
}

void
fault_from_text(Fault *fault, const char *text, const char *otherwise)
{
	const char *code = find_sqlstate(text);
	const char *rest;

	if (code == NULL)
	{
		/* Leave out "connection to server at ... failed: ", it is always there. */
		rest = strstr(text, " failed: ");
		fault_set(fault, otherwise, rest != NULL ? rest + strlen(" failed: ") : text);
		return;
	}
	fault_set(fault, code, code + SQLSTATE_LENGTH + 2);
	fault->code[SQLSTATE_LENGTH] = '\0';
	rest = strstr(code, "\nDETAIL:  ");
	if (rest != NULL)
		add_line(fault, " (%s)", rest + strlen("\nDETAIL:  "));
}

bool
fault_ends_session(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (severity == NULL || code == NULL)
		return false;
	if (strcmp(severity, "WARNING") == 0)	/* quickdie() in tcop/postgres.c */
		return strcmp(code, "57P01") == 0 || strcmp(code, "57P02") == 0;
	return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

const char *
fault_label(const char *code)
{
	static const struct
	{
		const char *code;
		const char *label;
	}			labels[] = {
		{FAULT_LOST, "lost without a code"},
		{FAULT_UNREACHABLE, "server not reached"},
		{FAULT_NO_LOGIN, "no login in time"},
		{FAULT_NO_ANSWER, "no answer in time"},
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(labels[i].code, code) == 0)
			return labels[i].label;
	return code;
}
