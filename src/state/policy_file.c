/*-------------------------------------------------------------------------
 *
 * policy_file.c
 *		The file that a policy is kept in while the server is down.
 *
 * So that the first login after a start is governed, before any table can be
 * read.  It is a copy: the tables are right, and are read soon after.
 *
 * Owns: the file pg_governor.policy in the data directory.
 * Runs in: the postmaster (read), policy loader and governor (write).
 *
 * Locking: none here.  Only one may write at a time, see gov_policy_save().
 *
 * The content is the policy's bytes as this library has them in memory, behind
 * a header that says which server, which library and which database they are
 * of.  A data directory does not move between machines of another kind, and
 * whatever does not fit is not read: it costs the moments until the tables
 * have been.
 *
 * IDENTIFICATION
 *	  src/state/policy_file.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "core/policy_check.h"
#include "settings.h"
#include "state/policy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#define TEMPORARY_FILE	GOV_POLICY_FILE ".tmp"
#define MAGIC			0x50564F47	/* "GOVP" */

/* Another one whenever the meaning of a byte changes; another size is noticed by itself. */
#define FORMAT			3

typedef struct FileHeader
{
	uint32		magic;
	uint32		format;
	uint32		class_size;
	uint32		rule_size;
	uint64		system_identifier;
	uint64		data_size;
	GovTime		loaded_at;
	char		database[GOV_NAME_SIZE];
	pg_crc32c	crc;			/* of the header up to here, and the data */
} FileHeader;

static pg_crc32c
crc_of(const FileHeader *header, const GovPolicy *policy)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, header, offsetof(FileHeader, crc));
	COMP_CRC32C(crc, policy, header->data_size);
	FIN_CRC32C(crc);
	return crc;
}

/* Reads so many bytes; fewer at the end of the file; -1: an error. */
static ssize_t
read_all(int file, void *into, size_t size)
{
	size_t		done = 0;

	while (done < size)
	{
		ssize_t		got = read(file, (char *) into + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t) got;
	}
	return (ssize_t) done;
}

/* Returns NULL if the header promises a policy that may be read, else why not. */
static const char *
check_header(const FileHeader *header, off_t file_size)
{
	if (header->magic != MAGIC)
		return "it is no file of pg_governor";
	if (header->format != FORMAT || header->class_size != sizeof(GovClass) ||
		header->rule_size != sizeof(GovRule))
		return "it is of another version of pg_governor";
	if (header->system_identifier != GetSystemIdentifier())
		return "it is of another database cluster";
	if (header->data_size < offsetof(GovPolicy, rules) || header->data_size > sizeof(GovPolicy) ||
		(off_t) (sizeof(FileHeader) + header->data_size) != file_size)
		return "its size is wrong";
	return NULL;
}

/* Returns NULL if the file has been read and may be used, else why not. */
static const char *
read_open_file(int file, GovSavedPolicy *saved)
{
	FileHeader	header;
	struct stat status;
	const char *problem;
	ssize_t		got;

	if (fstat(file, &status) != 0)
		return "it cannot be read";
	got = read_all(file, &header, sizeof(header));
	if (got < 0)
		return "it cannot be read";
	if (got < (ssize_t) sizeof(header))
		return "its size is wrong";
	problem = check_header(&header, status.st_size);
	if (problem != NULL)
		return problem;

	if (read_all(file, &saved->policy, header.data_size) != (ssize_t) header.data_size)
		return "it cannot be read";
	if (!EQ_CRC32C(header.crc, crc_of(&header, &saved->policy)))
		return "its checksum is wrong";
	problem = gov_policy_check(&saved->policy, header.data_size);
	if (problem != NULL)
		return problem;

	if (memchr(header.database, '\0', sizeof(header.database)) == NULL ||
		!IS_VALID_TIMESTAMP(header.loaded_at))
		return "its header is malformed";
	if (strcmp(header.database, gov_settings_database) != 0)
		return "it is of another database than governor.database names";
	memcpy(saved->database, header.database, sizeof(saved->database));
	saved->loaded_at = header.loaded_at;
	return NULL;
}

GovFileRead
gov_policy_file_read(GovSavedPolicy *saved, const char **why)
{
	struct stat status;
	int			file;

	if (stat(GOV_POLICY_FILE, &status) != 0)
	{
		*why = "it cannot be found";
		return errno == ENOENT ? GOV_FILE_ABSENT : GOV_FILE_UNUSABLE;
	}
	/* nothing that opening could wait for */
	if (!S_ISREG(status.st_mode))
	{
		*why = "it is no ordinary file";
		return GOV_FILE_UNUSABLE;
	}
	file = BasicOpenFile(GOV_POLICY_FILE, O_RDONLY | PG_BINARY);
	if (file < 0)
	{
		*why = "it cannot be opened";
		return GOV_FILE_UNUSABLE;
	}
	*why = read_open_file(file, saved);
	close(file);
	return *why == NULL ? GOV_FILE_READ : GOV_FILE_UNUSABLE;
}

/* Writes all of it; a disk that is full writes less than it was given. */
static bool
write_all(int file, const void *from, size_t size)
{
	size_t		done = 0;

	while (done < size)
	{
		ssize_t		put = write(file, (const char *) from + done, size - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
		{
			if (put == 0)
				errno = ENOSPC;
			return false;
		}
		done += (size_t) put;
	}
	return true;
}

bool
gov_policy_file_write(const GovSavedPolicy *saved)
{
	FileHeader	header;
	int			file;
	int			problem = 0;

	memset(&header, 0, sizeof(header));
	header.magic = MAGIC;
	header.format = FORMAT;
	header.class_size = sizeof(GovClass);
	header.rule_size = sizeof(GovRule);
	header.system_identifier = GetSystemIdentifier();
	header.data_size = gov_policy_data_size(&saved->policy);
	header.loaded_at = saved->loaded_at;
	strlcpy(header.database, saved->database, sizeof(header.database));
	header.crc = crc_of(&header, &saved->policy);

	file = BasicOpenFile(TEMPORARY_FILE, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY);
	if (file < 0)
		return false;
	if (!write_all(file, &header, sizeof(header)) ||
		!write_all(file, &saved->policy, header.data_size))
		problem = errno;
	if (close(file) != 0 && problem == 0)
		problem = errno;

	/* it also has both files and the directory written to disk */
	if (problem == 0 && durable_rename(TEMPORARY_FILE, GOV_POLICY_FILE, DEBUG1) != 0)
		problem = errno != 0 ? errno : EIO;
	if (problem == 0)
		return true;

	(void) unlink(TEMPORARY_FILE);
	errno = problem;
	return false;
}
