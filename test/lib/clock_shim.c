/*
 * clock_shim.c
 *		A clock that a test can set, for a server started with this library
 *		in LD_PRELOAD: adds to the time of day the seconds in the file that
 *		GOV_TEST_CLOCK names.  Waiting is not by this clock, as in reality.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	static int	(*real) (struct timeval *, void *);
	static const volatile int64_t *offset;
	int			result;

	if (!real)
		real = (int (*) (struct timeval *, void *)) dlsym(RTLD_NEXT, "gettimeofday");
	if (!offset)
	{
		const char *name = getenv("GOV_TEST_CLOCK");
		int			file = name ? open(name, O_RDONLY) : -1;

		if (file >= 0)
		{
			void	   *memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);

			if (memory != MAP_FAILED)
				offset = memory;
			close(file);
		}
	}
	result = real(tv, tz);
	if (offset)
		tv->tv_sec += *offset;
	return result;
}
