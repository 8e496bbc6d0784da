# shellcheck shell=bash
#
# roots.sh
#	Minimal roots of other Debians, for the majors of PostgreSQL that this
#	machine's own does not have.
#
# To use it, after lib.sh:
#
#	reason=$(roots_impossible)		why there can be none; empty: there can
#	on_exit root_close
#	root_open 17 LOG				makes the root if need be; if that fails it is false, and LOG says why
#	root_run FOLDER COMMAND...		FOLDER is /tmp in there, and all that can be written to
#	root_close
#
# A root holds the server, what builds extensions for it, and nothing of ours.
# It is made once and kept in $ROOTS, outside of any clone.  It gets its name by
# a rename, as the last step: what has the name is complete.  One that was made
# by another recipe than this file's is made again.
#
# A command in a root runs in namespaces of its own for mounts, processes and
# IPC, and finds all but /tmp read-only.  So no run changes a root, many may
# share one, and when a run ends, in whichever way, the kernel ends all that it
# started and undoes its mounts.
#
# Locking: $ROOTS/MAJOR.lock is held shared by who runs in a root, exclusively
# by who makes it.  To its holder, any $ROOTS/MAJOR.new.* was left by a maker
# that was killed.

ROOTS=${PG_GOVERNOR_ROOTS:-/var/cache/pg_governor}
ROOTS_REBUILD=no			# yes: all that are opened are made again first
ROOTS_FRESH=()				# the majors whose roots were made by this script

# What a command is run by so that nothing of it outlives us: this shell must be
# its parent, so it is started in the background and in no function or subshell.
ISOLATED=(setpriv --pdeathsig KILL unshare --mount --pid --ipc --fork --kill-child)

ROOT=						# the root that is open
ROOT_LOCK=					# the descriptor of its lock
ROOT_NEW=					# the root that is being made
ROOT_CHILD=					# pid of what is isolated

# Why there can be no roots here.
roots_impossible() {
	local program

	if [ "$(id -u)" -ne 0 ]; then
		say "needs root, or sudo without a password"
		return 0
	fi
	for program in apt-get setpriv unshare flock; do
		if ! command -v "$program" >/dev/null; then
			say "needs $program, of a Debian"
			return 0
		fi
	done
	if ! unshare --mount --pid --ipc --fork true 2>/dev/null; then
		say "needs namespaces, which this machine does not allow"
	fi
}

#
# The recipe
#

# The suites of Debian that have a major, the first one its base; false if none has.
root_suites() {
	case $1 in
		15) say bookworm ;;
		17) say trixie ;;
		18) say forky ;;
		19) say sid experimental ;;
		*) return 1 ;;
	esac
}

root_packages() {
	local packages="make gcc libc6-dev perl libipc-run-perl openssl mount iproute2 libpq-dev postgresql-$1 postgresql-server-dev-$1"

	# what is run under valgrind, is so with this one
	[ "$1" != 15 ] || packages+=" valgrind"
	say "$packages"
}

# Packages that these depend on and nothing here uses; the most of it, 400 MB,
# is for the JIT compiler.  The root is told that it has them.
root_stubs() {
	case $1 in
		15) say clang-14 llvm-14-dev locales-all ssl-cert ;;
		17) say clang-19 llvm-19-dev locales-all ssl-cert ;;
		18 | 19) say clang-21 llvm-21-dev locales-all ssl-cert ;;
	esac
}

# Tells one recipe from another.
root_recipe() {
	{
		root_suites "$1"
		root_packages "$1"
		root_stubs "$1"
		declare -f root_build
	} | cksum
}

# Where this machine's apt gets Debian from, and the keyrings by which it knows
# it.  Sets mirror and keyrings of the caller; false if there is none.
find_mirror() {
	local origin label uri entry file

	mirror=
	keyrings=()
	# an index that was never fetched does not tell its origin
	# shellcheck disable=SC2016	# apt-get fills it in
	while IFS='|' read -r origin label uri entry; do
		if [ "$origin|$label" = 'Debian|Debian' ]; then
			mirror=$uri
			break
		fi
	done < <(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(SOURCESENTRY)' 'Created-By: Packages')
	[ -n "$mirror" ] || return 1

	# a source that names no keyring relies on those that apt trusts for all; so does mmdebstrap then
	while IFS= read -r file; do
		if [ -f "$file" ]; then
			keyrings+=("--keyring=$file")
		fi
	done < <(sed -nE 's/^Signed-By:(.*)/\1/Ip; s/^deb .*signed-by=([^] ]*).*/\1/Ip' "${entry%:*}" | tr -s ', ' '\n' | sort -u)
}

# Makes a root, and is not done when it returns: it sets ROOT_CHILD.
# Usage: root_build MAJOR FOLDER LOG
root_build() {
	local major=$1 mirror keyrings suites packages stubs name text status='' sources=() options=()

	if ! find_mirror; then
		update_package_lists || :
		if ! find_mirror; then
			say "this machine's apt knows no mirror of Debian" >"$3"
			return 1
		fi
	fi
	read -r -a suites <<<"$(root_suites "$major")"
	read -r -a packages <<<"$(root_packages "$major")"
	read -r -a stubs <<<"$(root_stubs "$major")"

	for name in "${suites[@]}"; do
		sources+=("deb $mirror $name main")
	done
	for name in "${stubs[@]}"; do
		printf -v text '%s\n' "Package: $name" "Status: install ok installed" "Version: 1:99" \
			"Architecture: $(dpkg --print-architecture)" "Multi-Arch: foreign" \
			"Maintainer: nobody <nobody@localhost>" "Description: not there, and not missed" ""
		status+=$text
	done
	if [ ${#suites[@]} -gt 1 ]; then
		# a server from the second suite needs the client library from there
		options+=("--setup-hook=printf 'Package: libpq*\nPin: release a=${suites[1]}\nPin-Priority: 990\n' >\"\$1/etc/apt/preferences.d/libpq\"")
	fi
	while IFS= read -r text; do
		options+=("--aptopt=${text%;}")
	done < <(apt-config dump Acquire::http::Proxy Acquire::https::Proxy)

	# shellcheck disable=SC2016	# the hooks are for a shell of mmdebstrap's, which gives them the root
	STATUS=$status STUBS=${stubs[*]} "${ISOLATED[@]}" mmdebstrap --mode=root --variant=apt \
		${keyrings[@]+"${keyrings[@]}"} \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Retries "3"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='force-unsafe-io' \
		--setup-hook='mkdir -p "$1/etc/apt/preferences.d" "$1/etc/postgresql-common" "$1/var/lib/dpkg/info"' \
		--setup-hook='printf %s "$STATUS" >>"$1/var/lib/dpkg/status"' \
		--setup-hook='for name in $STUBS; do : >"$1/var/lib/dpkg/info/$name.list"; done' \
		--setup-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
		${options[@]+"${options[@]}"} \
		--include="${packages[*]}" "${suites[0]}" "$2" "${sources[@]}" </dev/null >"$3" 2>&1 &
	ROOT_CHILD=$!
}

#
# Opening and closing
#

root_pg_config() {
	say "/usr/lib/postgresql/$1/bin/pg_config"
}

root_is_made() {
	[[ $ROOTS_REBUILD != yes || " ${ROOTS_FRESH[*]-} " == *" $1 "* ]] && [ "$(cat "$ROOTS/$1/.recipe" 2>/dev/null)" = "$(root_recipe "$1")" ]
}

# Usage: root_open MAJOR LOG
root_open() {
	local major=$1 log=$2

	{ mkdir -p "$ROOTS" && exec {ROOT_LOCK}>>"$ROOTS/$major.lock"; } || return 1
	root_lock "$major" --shared
	if ! root_is_made "$major"; then
		root_lock "$major" --exclusive
		# somebody may have made it while we waited
		if ! root_is_made "$major" && ! root_make "$major" "$log"; then
			root_close
			return 1
		fi
		root_lock "$major" --shared
	fi
	ROOT=$ROOTS/$major
}

# In short waits, between which a signal ends the script.
root_lock() {
	if ! flock --nonblock "$2" "$ROOT_LOCK"; then
		step "waiting for other runs with the root of PostgreSQL $1"
		until flock --timeout 1 "$2" "$ROOT_LOCK"; do
			:
		done
	fi
}

# Usage: root_make MAJOR LOG
root_make() {
	local major=$1 log=$2 status=0

	# a subshell, since it ends the script if it cannot
	(need mmdebstrap) || return 1
	rm -rf --one-file-system "$ROOTS/$major".new.*
	ROOT_NEW=$(mktemp -d "$ROOTS/$major.new.XXXXXX") || return 1
	chmod 755 "$ROOT_NEW"
	step "making a root with PostgreSQL $major, of Debian's $(root_suites "$major"): once, for about a minute"
	root_build "$major" "$ROOT_NEW" "$log" || return 1
	wait "$ROOT_CHILD" || status=$?
	ROOT_CHILD=
	[ "$status" -eq 0 ] || return 1

	if [ "$(chroot "$ROOT_NEW" "$(root_pg_config "$major")" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')" != "$major" ]; then
		say "the root holds no PostgreSQL $major" >>"$log"
		return 1
	fi
	root_recipe "$major" >"$ROOT_NEW/.recipe" || return 1
	# all of it is on disk before it has the name
	sync -f "$ROOT_NEW"
	rm -rf --one-file-system "${ROOTS:?}/$major"
	mv -T "$ROOT_NEW" "$ROOTS/$major"
	ROOT_NEW=
	ROOTS_FRESH+=("$major")
}

# Runs a command in the root that is open, with a folder as its /tmp, and
# returns its status.  Usage: root_run FOLDER COMMAND...
root_run() {
	local status=0

	chmod 1777 "$1"
	# shellcheck disable=SC2016	# the isolated shell expands it
	"${ISOLATED[@]}" bash -euc '
		root=$1 tmp=$2
		shift 2
		mount --bind "$root" "$root"
		mount -o remount,bind,ro "$root"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
		mount -t tmpfs -o mode=755 tmpfs "$root/run"
		mount -t proc proc "$root/proc"
		mount --bind "$tmp" "$root/tmp"
		# in a chroot nobody may make a user namespace, which tests with networks need
		cd "$root"
		if pivot_root . . 2>/dev/null; then
			umount -l .
			root=/
		fi
		exec chroot "$root" env -i -C / PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 "$@"
	' bash "$ROOT" "$@" </dev/null &
	ROOT_CHILD=$!
	wait "$ROOT_CHILD" || status=$?
	ROOT_CHILD=
	return "$status"
}

# Ends what still runs in a root, or makes one, and lets go of the lock.
root_close() {
	local first='' tenths=0

	if [ -n "$ROOT_CHILD" ]; then
		# the first process of the namespace is gone when all others are
		read -r first _ 2>/dev/null <"/proc/$ROOT_CHILD/task/$ROOT_CHILD/children" || :
		kill -KILL "$ROOT_CHILD" 2>/dev/null || :
		wait "$ROOT_CHILD" 2>/dev/null || :
		while [ -n "$first" ] && [ -d "/proc/$first" ] && [ "$tenths" -lt 100 ]; do
			tenths=$((tenths + 1))
			sleep 0.1
		done
		ROOT_CHILD=
	fi
	if [ -n "$ROOT_NEW" ]; then
		rm -rf --one-file-system "$ROOT_NEW"
		ROOT_NEW=
	fi
	if [ -n "$ROOT_LOCK" ]; then
		exec {ROOT_LOCK}>&-
		ROOT_LOCK=
	fi
	ROOT=
}
