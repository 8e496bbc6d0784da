# shellcheck shell=bash
#
# majors.sh
#	Runs of the tests with one major of PostgreSQL after the other.
#
# To use it, after lib.sh, roots.sh and what counts the results:
#
#	on_exit major_stop
#	major_begin "15 17" "$@"				the majors to come, and the script's arguments
#	major_run 15 '' [ARGUMENT...]			arguments of scripts/test
#	major_run 17 sanitizers [ARGUMENT...]	under a checker, see checkers.sh
#
# Each run is a scripts/test of its own: in this machine if it has the major,
# or has none and would install this one, else in a root.  It shows its progress
# as always, and leaves its results in a file, from which they are counted here.

# Majors before their first release.  What fails there is shown and named, and
# counts as skipped, for the release candidate may be what is wrong.
CANDIDATES=(19)

MAJOR_CHILD=				# pid of a run in this machine

is_candidate() {
	[[ " ${CANDIDATES[*]} " == *" $1 "* ]]
}

# The pg_config of a major that this machine has; false if it has none.
major_pg_config() {
	local candidate

	for candidate in "${PG_CONFIG:-pg_config}" "/usr/lib/postgresql/$1/bin/pg_config" "/usr/pgsql-$1/bin/pg_config"; do
		if is_complete_server "$candidate" && [ "$(server_major "$candidate")" = "$1" ]; then
			command -v "$candidate"
			return 0
		fi
	done
	return 1
}

# Whether a major needs no root.
major_is_native() {
	major_pg_config "$1" >/dev/null ||
		{ ! (find_server) && command -v apt-cache >/dev/null && [ "$(packaged_major)" = "$1" ]; }
}

# Makes the work folder.  Starts the script again by sudo if a root is needed
# and that is the way to have one.  Usage: major_begin MAJORS ARGUMENT...
major_begin() {
	local major

	if [ "$(id -u)" -ne 0 ] && sudo -n true 2>/dev/null; then
		for major in $1; do
			if ! major_is_native "$major"; then
				exec sudo -n env ${PG_CONFIG:+PG_CONFIG="$PG_CONFIG"} ${TMPDIR:+TMPDIR="$TMPDIR"} ${CC:+CC="$CC"} \
					${PG_GOVERNOR_ROOTS:+PG_GOVERNOR_ROOTS="$PG_GOVERNOR_ROOTS"} "$TREE/scripts/test" "${@:2}"
			fi
		done
	fi
	# each run steps down to the server's user by itself
	# shellcheck disable=SC2034	# lib.sh reads it
	SERVER_USER=
	make_work pg_governor-majors
}

# Usage: major_run MAJOR CHECKER [ARGUMENT...]
major_run() {
	local major=$1 checker=$2 name="PostgreSQL $1${2:+ under $2}" folder=$WORK/$1${2:+_$2} reason=''

	mkdir "$folder" "$folder/tmp"
	set -- ${checker:+--under "$checker"} "${@:3}"
	say ""
	say "$name:"
	if major_is_native "$major"; then
		major_run_here "$major" "$folder" "$@"
	else
		reason=$(roots_impossible)
		if [ -n "$reason" ]; then
			skip_test "$name: all ($reason)"
			return 0
		fi
		if ! root_open "$major" "$folder/root.log"; then
			show_tail "$folder/root.log"
			count_failure "$major" "$name: all, for no root could be made"
			return 0
		fi
		copy_tree "$folder/tmp/tree"
		root_run "$folder/tmp" PG_CONFIG="$(root_pg_config "$major")" /tmp/tree/scripts/test --results /tmp/results "$@" || :
		root_close
	fi
	count_results "$major" "$name" "$folder"
}

# Usage: major_run_here MAJOR FOLDER ARGUMENT...
major_run_here() {
	local pg_config

	pg_config=$(major_pg_config "$1") || :
	# it cleans up when this script is killed
	${pg_config:+env PG_CONFIG="$pg_config"} setpriv --pdeathsig TERM \
		"$TREE/scripts/test" --results "$2/tmp/results" "${@:3}" </dev/null &
	MAJOR_CHILD=$!
	wait "$MAJOR_CHILD" || :
	MAJOR_CHILD=
}

# Ends the run that is under way.
major_stop() {
	if [ -n "$MAJOR_CHILD" ]; then
		kill "$MAJOR_CHILD" 2>/dev/null || :
		wait "$MAJOR_CHILD" 2>/dev/null || :
		MAJOR_CHILD=
	fi
	root_close
}

#
# Their results
#

# Counts the results of a run with a major.  Usage: count_results MAJOR NAME FOLDER
count_results() {
	local what text ended=no

	while read -r what text; do
		case $what in
			passed) PASSED=$((PASSED + text)) ;;
			failed) count_failure "$1" "$2: $text" ;;
			skipped)
				SKIPPED=$((SKIPPED + 1))
				SKIPS+=("$2: $text")
				;;
			left)
				# a run in a root has the folder as its /tmp
				if [ -d "$3$text" ]; then
					text=$3$text
					# shellcheck disable=SC2034	# lib.sh reads it
					KEEP_WORK=yes
				fi
				LEFT+=("$text")
				;;
			end) ended=yes ;;
		esac
	done < <(cat "$3/tmp/results" 2>/dev/null)
	[ "$ended" = yes ] || count_failure "$1" "$2: the run ended early"
}

# A failure with a major, which its run has shown.  Usage: count_failure MAJOR NAME
count_failure() {
	if is_candidate "$1"; then
		say "    PostgreSQL $1 is a release candidate, so this counts as skipped: $2"
		SKIPPED=$((SKIPPED + 1))
		SKIPS+=("$2 (FAILED; counts as skipped, for $1 is a release candidate)")
	else
		FAILED=$((FAILED + 1))
		FAILURES+=("$2")
	fi
}
