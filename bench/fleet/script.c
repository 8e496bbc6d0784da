/*-------------------------------------------------------------------------
 *
 * script.c
 *		A list of statements that a session runs one after another.
 *
 * Known limits: placeholders are found without understanding SQL, so {1..9}
 * inside a quoted literal is replaced too.  COPY is refused: the simulator
 * does not speak its protocol.
 *
 * IDENTIFICATION
 *	  bench/fleet/script.c
 *
 *-------------------------------------------------------------------------
 */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_SIZE		24		/* an int64 in decimal */
#define NAME_SIZE		24

static int	statements_made = 0;

/* ------------------------------------------------------------------ text */

static const char *
skip_space(const char *text)
{
	while (isspace((unsigned char) *text))
		text++;
	return text;
}

static bool
begins_with_word(const char *text, const char *word)
{
	size_t		length = strlen(word);

	text = skip_space(text);
	return strncasecmp(text, word, length) == 0 && !isalnum((unsigned char) text[length]);
}

static bool
controls_transaction(const char *text)
{
	static const char *const words[] = {
		"begin", "start", "commit", "end", "rollback", "abort"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins_with_word(text, words[i]))
			return true;
	return false;
}

/* Reads {A..B}; returns what follows it, or NULL if at is not one. */
static const char *
read_placeholder(const char *at, Range *range)
{
	char	   *end;

	if (*at++ != '{')
		return NULL;
	errno = 0;
	range->low = strtoll(at, &end, 10);
	if (end == at || strncmp(end, "..", 2) != 0)
		return NULL;
	at = end + 2;
	range->high = strtoll(at, &end, 10);
	if (end == at || *end != '}' || errno != 0 || range->high < range->low)
		return NULL;
	return end + 1;
}

static char *
copy_piece(const char *from, const char *to)
{
	char	   *piece = allocate((size_t) (to - from) + 1, 1);

	memcpy(piece, from, (size_t) (to - from));
	return piece;
}

static const char *
find_placeholders(Statement *statement)
{
	const char *piece = statement->text;
	const char *at = piece;
	size_t		room = strlen(statement->text) + SCRIPT_MAX_PLACEHOLDERS * 4;
	char	   *numbered = allocate(room, 1);
	size_t		used = 0;

	statement->numbered = numbered;
	while (*at != '\0')
	{
		Range		range;
		const char *after = read_placeholder(at, &range);

		if (after == NULL)
		{
			numbered[used++] = *at++;
			continue;
		}
		if (statement->placeholders == SCRIPT_MAX_PLACEHOLDERS)
			return "too many placeholders in one statement";
		statement->pieces[statement->placeholders] = copy_piece(piece, at);
		statement->ranges[statement->placeholders++] = range;
		used += (size_t) snprintf(numbered + used, room - used, "$%d", statement->placeholders);
		piece = at = after;
	}
	statement->pieces[statement->placeholders] = copy_piece(piece, at);
	return NULL;
}

/* --------------------------------------------------------------- building */

static const char *
add_statement(Script *script, const char *text)
{
	Statement  *statement;

	text = skip_space(text);
	if (*text == '\0')
		return "the statement is empty";
	if (begins_with_word(text, "copy"))
		return "COPY is not supported";
	if (statements_made == SCRIPT_MAX_STATEMENTS)
		return "too many statements";
	script->statements = resize(script->statements, (size_t) script->length + 1,
								sizeof(Statement));
	statement = &script->statements[script->length++];
	memset(statement, 0, sizeof(*statement));
	statement->number = statements_made++;
	statement->text = duplicate(text);
	return find_placeholders(statement);
}

static const char *
add_file(Script *script, const char *path)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		line_size = 0;
	ssize_t		length;
	char	   *text = duplicate("");
	size_t		used = 0;
	int			before = script->length;
	const char *problem = NULL;

	if (file == NULL)
	{
		free(text);
		return strerror(errno);
	}
	while (problem == NULL && (length = getline(&line, &line_size, file)) >= 0)
	{
		if (strncmp(skip_space(line), "--", 2) == 0)
			continue;
		text = resize(text, used + (size_t) length + 1, 1);
		memcpy(text + used, line, (size_t) length + 1);
		used += (size_t) length;
		while (used > 0 && isspace((unsigned char) text[used - 1]))
			used--;
		if (used > 0 && text[used - 1] == ';')
		{
			text[used - 1] = '\0';
			problem = add_statement(script, text);
			used = 0;
		}
		else if (used > 0)
			text[used++] = '\n';
		text[used] = '\0';
	}
	if (problem == NULL && *skip_space(text) != '\0')
		problem = "the last statement does not end with a semicolon";
	if (problem == NULL && script->length == before)
		problem = "the file has no statement";
	free(line);
	free(text);
	fclose(file);
	return problem;
}

const char *
script_add(Script *script, const char *argument)
{
	if (argument[0] == '@')
		return add_file(script, argument + 1);
	return add_statement(script, argument);
}

const char *
script_add_work_of(Script *script, const Script *from)
{
	const char *problem = NULL;

	for (int i = 0; i < from->length && problem == NULL; i++)
		if (!controls_transaction(from->statements[i].text))
			problem = add_statement(script, from->statements[i].text);
	return problem;
}

void
script_free(Script *script)
{
	for (int i = 0; i < script->length; i++)
	{
		Statement  *statement = &script->statements[i];

		free(statement->text);
		free(statement->numbered);
		for (int j = 0; j <= statement->placeholders; j++)
			free(statement->pieces[j]);
	}
	free(script->statements);
	script->statements = NULL;
	script->length = 0;
}

/* ---------------------------------------------------------------- sending */

static int
send_simple(const Statement *statement, PGconn *connection, Chance *chance)
{
	char	   *text;
	size_t		room;
	size_t		used = 0;
	int			sent;

	if (statement->placeholders == 0)
		return PQsendQuery(connection, statement->text);

	room = strlen(statement->text) + SCRIPT_MAX_PLACEHOLDERS * NUMBER_SIZE;
	text = allocate(room, 1);
	for (int i = 0; i < statement->placeholders; i++)
	{
		const Range *range = &statement->ranges[i];

		used += (size_t) snprintf(text + used, room - used, "%s%lld", statement->pieces[i],
								  (long long) chance_between(chance, range->low, range->high));
	}
	snprintf(text + used, room - used, "%s", statement->pieces[statement->placeholders]);
	sent = PQsendQuery(connection, text);
	free(text);
	return sent;
}

static void
name_statement(const Statement *statement, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "fleet_%d", statement->number);
}

int
script_send(const Script *script, int step, PGconn *connection, Protocol protocol, Chance *chance)
{
	const Statement *statement = &script->statements[step];
	char		numbers[SCRIPT_MAX_PLACEHOLDERS][NUMBER_SIZE];
	const char *values[SCRIPT_MAX_PLACEHOLDERS];
	char		name[NAME_SIZE];

	if (protocol == PROTOCOL_SIMPLE)
		return send_simple(statement, connection, chance);

	for (int i = 0; i < statement->placeholders; i++)
	{
		const Range *range = &statement->ranges[i];

		snprintf(numbers[i], NUMBER_SIZE, "%lld",
				 (long long) chance_between(chance, range->low, range->high));
		values[i] = numbers[i];
	}
	if (protocol == PROTOCOL_EXTENDED)
		return PQsendQueryParams(connection, statement->numbered, statement->placeholders,
								 NULL, values, NULL, NULL, 0);
	name_statement(statement, name);
	return PQsendQueryPrepared(connection, name, statement->placeholders,
							   values, NULL, NULL, 0);
}

int
script_send_prepare(const Script *script, int step, PGconn *connection)
{
	const Statement *statement = &script->statements[step];
	char		name[NAME_SIZE];

	name_statement(statement, name);
	return PQsendPrepare(connection, name, statement->numbered, 0, NULL);
}
