# shellcheck shell=bash
#
# checkers.sh
#	What looks for errors of memory in the servers that tests start: the
#	sanitizers of the compiler, or valgrind.
#
# To use it, after lib.sh and make_work:
#
#	checker_begin sanitizers	or valgrind; sets CHECKER, CHECKER_BIN and CHECKER_COPT
#	...							build with $CHECKER_COPT, test with the programs in $CHECKER_BIN
#	checker_errors FUNCTION		calls it with a line about each error, and a file that has all of it
#
# In $CHECKER_BIN are the server's programs, and in the place of postgres a
# script that runs it under the checker.  A program looks for postgres beside
# the file that it is itself, links followed.  So they are copies, but for
# initdb, which finds the real one: it loads nothing of ours.  pg_ctl is a script
# too, since it restarts what the server says of itself that it is.
#
# Only what our code does counts: the sanitizers see what was built with them,
# and of valgrind's errors those count that have a function of ours in their
# stack.  The server is Debian's, with no marks for either in its allocator: an
# overrun inside of a chunk from palloc stays unseen.

CHECKER=					# sanitizers, valgrind, or empty: none
CHECKER_BIN=
CHECKER_COPT=
CHECKER_REPORTS=			# the folder of what it reports, one file for each process

# How postgres is run under the sanitizers.  The runtime of ASan has to come
# into the process before the library that was built with it.  That of UBSan
# would write into the server's log, and into no file of its own beside ASan's.
# So what it finds is an illegal instruction, which ASan reports with its place.
sanitizers_postgres() {
	local runtime options

	runtime=$(realpath "$("${CC:-gcc}" -print-file-name=libasan.so)")
	# leaks: a server leaves its memory to its end; use after return: it measures its stack
	options="detect_leaks=0:detect_stack_use_after_return=0:handle_sigill=1:abort_on_error=1"
	cat <<-SCRIPT
		#!/bin/sh
		: >>"$CHECKER_REPORTS/started"
		export LD_PRELOAD="$runtime\${LD_PRELOAD:+:\$LD_PRELOAD}"
		export ASAN_OPTIONS="$options:log_path=$CHECKER_REPORTS/report"
		exec "$PG_BIN/postgres" "\$@"
	SCRIPT
}

valgrind_postgres() {
	# whole paths, to tell our files from others
	cat <<-SCRIPT
		#!/bin/sh
		: >>"$CHECKER_REPORTS/started"
		exec valgrind --quiet --vgdb=no --leak-check=no --num-callers=40 --fullpath-after= \\
			--error-limit=no --suppressions="$SRC/test/lib/valgrind.supp" --log-file="$CHECKER_REPORTS/report.%p" "$PG_BIN/postgres" "\$@"
	SCRIPT
}

# Usage: checker_begin CHECKER
checker_begin() {
	local program

	CHECKER=$1
	CHECKER_BIN=$WORK/checker/bin
	CHECKER_REPORTS=$WORK/checker/reports
	run_as_server mkdir -p "$CHECKER_BIN" "$CHECKER_REPORTS"
	for program in "$PG_BIN"/*; do
		case ${program##*/} in
			postgres | pg_ctl) ;;
			initdb) run_as_server ln -s "$program" "$CHECKER_BIN" ;;
			*) run_as_server cp "$program" "$CHECKER_BIN" ;;
		esac
	done

	CHECKER_COPT='-O1 -g -fno-omit-frame-pointer'
	if [ "$CHECKER" = sanitizers ]; then
		# functions that are fortified check for themselves, and are not looked at
		CHECKER_COPT+=' -fsanitize=address,undefined -fsanitize-undefined-trap-on-error -U_FORTIFY_SOURCE'
	fi
	"${CHECKER}_postgres" | run_as_server tee "$CHECKER_BIN/postgres" >/dev/null
	run_as_server tee "$CHECKER_BIN/pg_ctl" >/dev/null <<-SCRIPT
		#!/bin/sh
		exec "$PG_BIN/pg_ctl" "\$@" -p "$CHECKER_BIN/postgres"
	SCRIPT
	run_as_server chmod 755 "$CHECKER_BIN/postgres" "$CHECKER_BIN/pg_ctl"
}

# Whether a server ran under it at all.
checker_was_there() {
	[ -e "$CHECKER_REPORTS/started" ]
}

# Usage: checker_errors FUNCTION
checker_errors() {
	local report what place
	local -A seen=()

	if [ "$CHECKER" = valgrind ]; then
		valgrind_errors
	fi
	for report in "$CHECKER_REPORTS"/report.*; do
		[ -s "$report" ] || continue
		what=$(head -n 1 "$report")
		if [ "$CHECKER" = sanitizers ]; then
			what=$(sed -nE 's/.*ERROR: AddressSanitizer: ([^ ]+).*/\1/p' "$report" | head -n 1)
			[ "$what" != ILL ] || what="undefined behaviour"
		fi
		# the first frame of ours: the server's have no names of files
		place=$(grep -oE '[ (]src/[^ ):]*:[0-9]+' "$report" | head -n 1 | cut -c 2-) || :
		what="${what:-something} at ${place:-an unknown place}"
		# one error may come in many processes
		if [ -z "${seen[$what]-}" ]; then
			seen[$what]=yes
			"$1" "$what" "$report"
		fi
	done
}

# Puts what valgrind reported of our code in the place of its reports, a file
# for each error.
valgrind_errors() {
	local all=$CHECKER_REPORTS/valgrind

	run_as_server mkdir -p "$all"
	mv "$CHECKER_REPORTS"/report.* "$all" 2>/dev/null || return 0
	# an error is some lines, and an empty one ends it
	sed -sE '$a\
' "$all"/* | sed -E "s/^==[0-9]+== ?//; s/(at|by) 0x[0-9A-F]+:/\\1/; s,\($SRC/,(," |
		awk -v RS= -v ours="(src/" -v name="$CHECKER_REPORTS/report" '
			(index($0, ours) || index($0, "pg_governor.so")) && !seen[$0]++ { print > (name "." ++count) }'
}
