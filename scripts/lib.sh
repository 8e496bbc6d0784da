# shellcheck shell=bash
#
# lib.sh
#	What the scripts share: progress, packages, a work folder, building in a
#	copy, throw-away clusters.
#
# To use it:
#
#	set -euo pipefail
#	# shellcheck source=scripts/lib.sh
#	. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#
#	need build server			installs what is missing; sets PG_CONFIG and friends
#	make_work pg_governor-demo	makes $WORK; from here on the exit is cleaned up
#	copy_tree "$WORK/src"
#	build "$WORK/src"
#	stage "$WORK/src"			into $STAGE, not into the system
#	cluster_init "$WORK/data"
#	cluster_configure "$WORK/data" <<< "max_connections = 200"
#	cluster_start "$WORK/data"	exports PGHOST, PGPORT, PGUSER, PGDATABASE
#	sql -c 'CREATE EXTENSION pg_governor'
#
# The server refuses to run as root.  Started as root, everything that builds
# or runs a server steps down to the user postgres, who owns $WORK; otherwise
# it runs as whoever started the script.  run_as_server and ${AS_SERVER[@]} do
# that.  Nothing is built in the source tree, nothing is installed into the
# server's folders, and clusters are stopped when the script ends, however it
# ends.

# The source tree, wherever the script was called from.
TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# The oldest PostgreSQL that is supported.
OLDEST_MAJOR=15

# A newcomer's environment must not point the tools at a real server, or give
# make options that are meant for another make.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE \
	PGOPTIONS PGAPPNAME PGSSLMODE PGREQUIRESSL PGCONNECT_TIMEOUT PGDATA PGTZ PGCLIENTENCODING \
	PGTARGETSESSIONATTRS PGCHANNELBINDING MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS CDPATH

# The same words and the same encoding everywhere.
unset LANGUAGE
LC_ALL=C
# The list is held first: grep -q would end the pipe early, and locale with an error.
locales=$(locale -a 2>/dev/null || :)
if grep -qix 'c\.utf-\?8' <<<"$locales"; then
	LC_ALL=C.UTF-8
fi
unset locales
export LC_ALL LANG=$LC_ALL

WORK=						# the work folder, once there is one
STAGE=						# where the extension is staged, once it is
KEEP_WORK=no				# yes: the work folder stays
KEEP_CLUSTERS=no			# yes: so do it and the clusters that run in it
SERVER_USER=				# who runs servers; empty: who runs the script
AS_SERVER=(env)
EXIT_HOOKS=()

if [ "$(id -u)" -eq 0 ]; then
	SERVER_USER=postgres
fi

#
# Progress
#

# One line.
say() {
	printf '%s\n' "$*"
}

# Heading of what comes next, with the seconds since the start.
step() {
	printf '==> [%3ds] %s\n' "$SECONDS" "$*"
}

warn() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Says what is wrong and ends the script.
fail() {
	printf '%s: error: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The end of a file, indented.  Usage: show_tail FILE [LINES]
show_tail() {
	if [ -s "$1" ]; then
		tail -n "${2:-40}" "$1" | sed 's/^/    | /'
	fi
}

# What a compiler complained about first.  Usage: show_errors LOG
show_errors() {
	awk '
		/error|warning|Error / { found = 1 }
		found && ++count <= 40 { print "    | " $0 }' "$1"
	grep -qE 'error|warning|Error ' "$1" || show_tail "$1"
}

#
# The end of the script
#

# Calls a function when the script ends, the latest first, before clusters are
# stopped and the work folder goes.  It gets the exit status, must not exit, and
# may fail, which makes the script fail.
on_exit() {
	EXIT_HOOKS=("$1" ${EXIT_HOOKS[@]+"${EXIT_HOOKS[@]}"})
}

clean_up() {
	local status=$1 hook

	trap - EXIT
	trap '' INT TERM HUP
	set +e
	for hook in ${EXIT_HOOKS[@]+"${EXIT_HOOKS[@]}"}; do
		"$hook" "$status" || status=1
	done
	if [ -n "$WORK" ] && [ "$KEEP_CLUSTERS" != yes ]; then
		stop_clusters_in "$WORK"
		if [ "$KEEP_WORK" != yes ]; then
			rm -rf -- "$WORK"
		fi
	fi
	exit "$status"
}

trap 'clean_up $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

#
# What must be there
#

# Finds a server to build for, and sets
#	PG_CONFIG, PG_MAJOR (15), PG_VERSION (15.4), PG_BIN (folder of its programs)
# PG_CONFIG in the environment decides, else the pg_config in PATH, else the
# newest that is installed.  Returns false if there is none that is complete.
find_server() {
	local candidates=() candidate

	if [ -n "${PG_CONFIG:-}" ]; then
		candidates=("$PG_CONFIG")
	else
		candidates=(pg_config)
		while IFS= read -r candidate; do
			candidates+=("$candidate")
		done < <(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config /usr/pgsql-*/bin/pg_config | sort -rV)
	fi

	for candidate in "${candidates[@]}"; do
		if is_complete_server "$candidate"; then
			PG_CONFIG=$(command -v "$candidate")
			PG_CONFIG=$(cd "$(dirname "$PG_CONFIG")" && pwd -P)/${PG_CONFIG##*/}
			PG_VERSION=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([^ ]*\).*/\1/')
			PG_MAJOR=$(server_major "$PG_CONFIG")
			PG_BIN=$("$PG_CONFIG" --bindir)
			export PG_CONFIG PG_MAJOR
			return 0
		fi
	done
	return 1
}

server_major() {
	"$1" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'
}

# New enough, with its programs and with what builds extensions.  Debian has a
# part of the latter, the makefiles, in the client's package.
is_complete_server() {
	local major bin

	command -v "$1" >/dev/null || return 1
	major=$(server_major "$1") || return 1
	[ -n "$major" ] && [ "$major" -ge "$OLDEST_MAJOR" ] || return 1
	bin=$("$1" --bindir)
	[ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && [ -x "$bin/psql" ] &&
		[ -f "$("$1" --pgxs)" ] && [ -f "$("$1" --includedir-server)/postgres.h" ]
}

# Makes sure that all of these are there, by installing Debian's packages where
# the rights suffice.  Usage: need [build] [server] [libpq] [psycopg] [perl] [tap] [PROGRAM...]
#	build	make, a C compiler, nm
#	server	PostgreSQL, to run and to build for; sets what find_server sets
#	libpq	the client library, to build against
#	psycopg	a Python with psycopg 3; sets PYTHON
#	perl	Perl with all of its standard modules
#	tap		Perl and IPC::Run, for PostgreSQL's own test modules
#	dpkg-source	unpacks Debian's source packages
need() {
	local missing packages=() explain=() package reason

	missing=$(missing_packages "$@")
	if [ -n "$missing" ]; then
		while IFS=' ' read -r package reason; do
			packages+=("$package")
			explain+=("  $package: $reason")
		done <<<"$missing"
		install_packages packages explain
		missing=$(missing_packages "$@")
		[ -z "$missing" ] || fail "still missing after the installation: $missing"
	fi

	case " $* " in
		*' psycopg '*) find_psycopg || fail "no Python with psycopg found" ;;
	esac
	case " $* " in
		*' server '*)
			find_server || fail "no server found"
			if [ -n "$SERVER_USER" ] && ! id -u "$SERVER_USER" >/dev/null 2>&1; then
				fail "PostgreSQL does not run as root, and there is no user $SERVER_USER to step down to;" \
					"start the script as an ordinary user"
			fi
			;;
	esac
}

# Prints a line "package reason" for everything that is missing.
missing_packages() {
	local what major

	for what in "$@"; do
		case $what in
			build)
				command -v make >/dev/null || say make "make"
				command -v "${CC:-gcc}" >/dev/null || say gcc "a C compiler"
				command -v nm >/dev/null || say binutils "nm"
				[ -f /usr/include/stdio.h ] || say libc6-dev "the C library's headers"
				;;
			server)
				if ! find_server; then
					# what is set must be right; nothing that could be installed makes it so
					[ -z "${PG_CONFIG:-}" ] ||
						fail "PG_CONFIG is \"$PG_CONFIG\", which is no pg_config of a PostgreSQL $OLDEST_MAJOR or newer" \
							"with its server and its development files"
					major=$(packaged_major)
					say "postgresql-$major" "the server"
					say "postgresql-server-dev-$major" "builds extensions"
				fi
				;;
			libpq)
				find_libpq || say libpq-dev "the client library"
				;;
			psycopg)
				find_psycopg || say python3-psycopg "psycopg 3, for Python"
				;;
			perl | tap)
				command -v prove >/dev/null || say perl "Perl's standard modules"
				[ "$what" = perl ] || perl -MIPC::Run -e 1 2>/dev/null || say libipc-run-perl "Perl's IPC::Run"
				[ "$what" = perl ] || command -v ip >/dev/null || [ -x /usr/sbin/ip ] || say iproute2 "networks for tests"
				;;
			dpkg-source)
				command -v dpkg-source >/dev/null || say dpkg-dev "unpacks source packages"
				;;
			*)
				command -v "$what" >/dev/null || say "$what" "the program $what"
				;;
		esac
	done
}

find_libpq() {
	local include=/usr/include/postgresql

	if find_server; then
		include=$("$PG_CONFIG" --includedir)
	fi
	[ -f "$include/libpq-fe.h" ] || [ -f /usr/include/postgresql/libpq-fe.h ] || [ -f /usr/include/libpq-fe.h ]
}

# Debian's Python need not be the first in PATH.
find_psycopg() {
	local candidate

	for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
		if "$candidate" -c 'import psycopg' 2>/dev/null; then
			PYTHON=$candidate
			return 0
		fi
	done
	return 1
}

# The major to install: of the newest server that is there without its
# development files, else the newest that is packaged.
packaged_major() {
	local major

	command -v apt-cache >/dev/null ||
		fail "PostgreSQL $OLDEST_MAJOR or newer is missing, and this is no Debian: install it with its development" \
			"files, and set PG_CONFIG to its pg_config"
	for major in $(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sed -n 's,.*/\([0-9]*\)/bin/.*,\1,p' | sort -rn) \
		$(packaged_majors); do
		if [ "$major" -ge "$OLDEST_MAJOR" ] && packaged_majors | grep -x "$major" >/dev/null; then
			say "$major"
			return 0
		fi
	done
	# the lists are empty, or old: Debian 12 has this one, and installing fails with a reason elsewhere
	say "$OLDEST_MAJOR"
}

packaged_majors() {
	apt-cache pkgnames postgresql-server-dev- 2>/dev/null | sed -n 's/^postgresql-server-dev-\([0-9]*\)$/\1/p' | sort -rn
}

# Usage: install_packages PACKAGES EXPLANATIONS (names of arrays)
install_packages() {
	local -n names=$1 lines=$2
	local sudo=() log attempt

	if ! command -v apt-get >/dev/null; then
		printf '%s\n' "Missing, by their names in Debian:" "${lines[@]}" >&2
		fail "install them, and start again"
	fi
	if [ "$(id -u)" -ne 0 ]; then
		if ! sudo -n true 2>/dev/null; then
			printf '%s\n' "Missing:" "${lines[@]}" "" "As root:" "  apt-get install ${names[*]}" >&2
			fail "install what is missing, and start again"
		fi
		sudo=(sudo -n)
	fi

	step "installing ${names[*]}"
	log=$(mktemp)
	for attempt in 1 2 3; do
		# lists are fetched when they do not know a package, or know one that is gone
		if [ "$attempt" -gt 1 ] || ! apt-cache show "${names[@]}" >/dev/null 2>&1; then
			update_package_lists || :
		fi
		if "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
			install --no-install-recommends "${names[@]}" </dev/null >"$log" 2>&1; then
			rm -f "$log"
			hash -r
			return 0
		fi
	done
	show_tail "$log" >&2
	rm -f "$log"
	fail "could not install ${names[*]}"
}

update_package_lists() {
	local sudo=()

	[ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
	"${sudo[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null 2>&1
}

#
# The work folder
#

# Makes $WORK, which belongs to whoever runs servers and goes when the script
# ends.  Usage: make_work NAME
make_work() {
	local base=${TMPDIR:-/tmp}

	# the path of a unix socket has at most 107 bytes
	if [ ${#base} -gt 40 ] || [ ! -d "$base" ]; then
		base=/tmp
	fi
	base=$(cd "$base" && pwd -P)
	WORK=$(mktemp -d "$base/$1.XXXXXX")
	mkdir "$WORK/tmp"
	AS_SERVER=(env -C "$WORK" HOME="$WORK" TMPDIR="$WORK/tmp")
	if [ -n "$SERVER_USER" ]; then
		chown -R "$SERVER_USER:" "$WORK"
		AS_SERVER=(runuser -u "$SERVER_USER" -- "${AS_SERVER[@]}")
		"${AS_SERVER[@]}" test -w . 2>/dev/null ||
			fail "user $SERVER_USER cannot reach $WORK; set TMPDIR to a folder open to all"
	fi
}

run_as_server() {
	"${AS_SERVER[@]}" "$@"
}

#
# Building
#

# The files of the source tree, each ended by a NUL: what git knows or would
# add; without git, everything but what is made.
source_files() {
	local file

	# the clone may belong to another user than the one who reads it
	if [ -e "$TREE/.git" ] && command -v git >/dev/null &&
		git -c safe.directory="$TREE" -C "$TREE" rev-parse >/dev/null 2>&1; then
		git -c safe.directory="$TREE" -C "$TREE" ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' file; do
				# git still lists what was just deleted
				if [ -f "$TREE/$file" ]; then
					printf '%s\0' "$file"
				fi
			done
	else
		(cd "$TREE" && find . \
			-type d \( -name .git -o -name build -o -name results -o -name 'tmp_check*' -o -name output_iso \) -prune -o \
			-type f ! -name '*.o' ! -name '*.bc' ! -name '*.so' ! -name '*.gcno' ! -name '*.gcda' ! -name '*.zip' \
			! -name 'regression.*' -printf '%P\0')
	fi
}

# Copies the source tree.  Usage: copy_tree FOLDER (inside $WORK)
copy_tree() {
	mkdir -p "$1"
	source_files | tar -C "$TREE" --null --no-recursion -T - -cf - | tar -C "$1" --no-same-owner -xf -
	if [ -n "$SERVER_USER" ]; then
		chown -R "$SERVER_USER:" "$1"
	fi
}

# make in a copy, for the server found.  Usage: make_in FOLDER [ARGUMENT...]
make_in() {
	# Bitcode is for inlining by the JIT compiler; nothing of ours is called so often.
	run_as_server make -s -C "$1" PG_CONFIG="$PG_CONFIG" with_llvm=no "${@:2}"
}

processors() {
	nproc 2>/dev/null || say 1
}

# Builds the extension in a copy; on an error the script ends with the
# compiler's words.  Usage: build FOLDER [MAKE_ARGUMENT...]
build() {
	# a subshell, so that the output of a trap that runs meanwhile does not go into the file
	if ! (make_in "$1" -j"$(processors)" "${@:2}") >"$1.log" 2>&1; then
		show_errors "$1.log" >&2
		fail "the build failed"
	fi
}

# Installs the extension that was built into $STAGE.  Usage: stage FOLDER [MAKE_ARGUMENT...]
stage() {
	STAGE=$WORK/stage
	if ! (make_in "$1" install DESTDIR="$STAGE" "${@:2}") >>"$1.log" 2>&1; then
		show_errors "$1.log" >&2
		fail "staging the extension failed"
	fi
}

# The lines of postgresql.conf by which a server finds what is in $STAGE: 18
# has extension_control_path; in older ones Debian has extension_destdir.
staging_config() {
	local sample

	sample=$("$PG_CONFIG" --sharedir)/postgresql.conf.sample
	say "dynamic_library_path = '$STAGE$("$PG_CONFIG" --pkglibdir):\$libdir'"
	if grep -q '^#*extension_control_path' "$sample"; then
		say "extension_control_path = '$STAGE$("$PG_CONFIG" --sharedir):\$system'"
	elif grep -q '^#*extension_destdir' "$sample"; then
		say "extension_destdir = '$STAGE'"
	else
		fail "PostgreSQL $PG_VERSION of $PG_CONFIG loads extensions from its own folders only:" \
			"use one of Debian's packages, or PostgreSQL 18, or run make install and make installcheck"
	fi
}

#
# Throw-away clusters
#

# Makes a cluster that preloads what is in $STAGE and listens on a unix socket
# in $WORK only.  Usage: cluster_init FOLDER [INITDB_OPTION...]
cluster_init() {
	if ! (run_as_server "$PG_BIN/initdb" -D "$1" -U postgres -A trust --no-sync "${@:2}") >"$1.initdb.log" 2>&1; then
		show_tail "$1.initdb.log" >&2
		fail "initdb failed"
	fi
	{
		say "listen_addresses = ''"
		say "unix_socket_directories = '$WORK'"
		say "fsync = off"
		say "log_line_prefix = '%m [%p] %b '"
		say "shared_preload_libraries = 'pg_governor'"
		staging_config
	} | cluster_configure "$1"
}

# Appends lines from standard input to a cluster's postgresql.conf.
cluster_configure() {
	run_as_server tee -a "$1/postgresql.conf" >/dev/null
}

# Starts a cluster on a free port and points PGHOST, PGPORT, PGUSER and
# PGDATABASE at it.  Its log is FOLDER.log.  Usage: cluster_start FOLDER
cluster_start() {
	local attempt

	export PGHOST=$WORK PGUSER=postgres PGDATABASE=postgres PGPORT
	for attempt in 1 2 3 4 5; do
		PGPORT=$(free_port)
		run_as_server rm -f "$1.log"
		if (run_as_server "$PG_BIN/pg_ctl" -D "$1" -l "$1.log" -o "-p $PGPORT" -w -t 60 start) </dev/null >/dev/null 2>&1; then
			return 0
		fi
		# somebody may take the port between the look at it and the start
		if [ "$attempt" = 5 ] || ! grep -q 'Address already in use' "$1.log"; then
			break
		fi
	done
	show_tail "$1.log" >&2
	fail "the server in $1 did not start"
}

# Stops it: fast, or at once if that takes too long.  Usage: cluster_stop FOLDER
cluster_stop() {
	local pid signal tenths

	for signal in INT QUIT KILL; do
		tenths=0
		while pid=$(cluster_pid "$1"); do
			if [ "$tenths" = 0 ]; then
				kill "-$signal" "$pid" 2>/dev/null || :
			fi
			if [ "$tenths" = 100 ]; then
				break
			fi
			tenths=$((tenths + 1))
			sleep 0.1
		done
	done
}

# The pid of a cluster's postmaster; false if it does not run.  The file alone
# proves nothing: it outlives a crash, and pids are used again.
cluster_pid() {
	local pid

	pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(readlink -f "$1")" ] || return 1
	say "$pid"
}

# Stops every server whose data lie in a folder, also those that tests started.
stop_clusters_in() {
	local file

	while IFS= read -r -d '' file; do
		cluster_stop "${file%/postmaster.pid}"
	done < <(find "$1" -name postmaster.pid -print0 2>/dev/null)
}

# A TCP port that nobody listens on, below the range that the kernel gives to clients.
free_port() {
	local port

	while :; do
		port=$((20000 + RANDOM % 10000))
		if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			say "$port"
			return 0
		fi
	done
}

# All of it at once: builds, stages, starts a cluster with default settings in
# $WORK/data, and creates the extension there.
scratch_cluster() {
	copy_tree "$WORK/src"
	build "$WORK/src"
	stage "$WORK/src"
	cluster_init "$WORK/data"
	cluster_start "$WORK/data"
	sql -c 'CREATE EXTENSION pg_governor'
}

# psql for scripts: plain rows, tab between columns, ends at the first error.
sql() {
	"$PG_BIN/psql" -X -q -A -t -F $'\t' -v ON_ERROR_STOP=1 "$@"
}
