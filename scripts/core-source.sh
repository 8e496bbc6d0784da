# shellcheck shell=bash
#
# core-source.sh
#	Fetches the parts of PostgreSQL's source that its own tests need: Debian's
#	source package of the server that is installed.
#
# To use it, after lib.sh and `need server dpkg-source`:
#
#	fetch_core_source
#
# sets
#	CORE_SOURCE		a folder with src/test and contrib/spi, patched as Debian does
#	CORE_VERSION	the version of that source
#	CORE_WANTED		the version of the server, which may be another one
#
# The source comes by apt from where the machine has its packages from, and apt
# checks its signatures, as it does for packages.  Lists and downloads are apt's
# own but in a private folder: the machine's configuration is read, never
# changed, and no rights are needed.  What was fetched is kept in
# $XDG_CACHE_HOME/pg_governor (~/.cache/pg_governor) and used again.  A folder
# gets its name there when it is complete, so half of one is never found.

CORE_SOURCE=
CORE_VERSION=
CORE_WANTED=
FETCH=			# the private folder, while there is one
INCOMING=		# and the folder in the cache that is not complete yet

# What is kept of the source; all of it has ten times the size.
CORE_PARTS=(COPYRIGHT src/test/regress src/test/isolation contrib/spi)

fetch_core_source() {
	local package

	read -r package CORE_WANTED <<<"$(core_package)"
	if take_from_cache "$package" "$CORE_WANTED"; then
		return 0
	fi

	step "fetching the source of $package $CORE_WANTED"
	on_exit remove_fetch
	FETCH=$(mktemp -d "${TMPDIR:-/tmp}/pg_governor-fetch.XXXXXX")
	# apt downloads as a user of its own
	chmod 755 "$FETCH"
	make_private_apt
	if ! fetch_nearest "$package"; then
		show_tail "$FETCH/log" 20 >&2
		fail "no source of $package can be had: the machine's package sources offer none, and none was fetched before"
	fi
	remove_fetch
}

remove_fetch() {
	if [ -n "$FETCH" ]; then
		rm -rf -- "$FETCH" ${INCOMING:+"$INCOMING"}
		FETCH=
		INCOMING=
	fi
}

# The source package and its version, of the server found.
core_package() {
	local binary

	binary=$(dpkg-query -S "$(readlink -f "$PG_BIN/postgres")" 2>/dev/null | sed -n '1s/[:,].*//p') || :
	if [ -n "$binary" ]; then
		# shellcheck disable=SC2016	# dpkg-query expands it
		dpkg-query -W -f '${source:Package} ${source:Version}\n' "$binary" | head -n 1
	else
		# not from a package: the last revision of that release, whichever it is
		say "postgresql-$PG_MAJOR $PG_VERSION-99"
	fi
}

#
# The cache
#

cache_folder() {
	local home=${HOME:-}

	[ -n "$home" ] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
	say "${XDG_CACHE_HOME:-$home/.cache}/pg_governor"
}

# Usage: take_from_cache PACKAGE VERSION
take_from_cache() {
	local folder

	folder=$(cache_folder)/$1_$2
	[ -n "$2" ] && [ -d "$folder" ] || return 1
	# shellcheck disable=SC2034	# for whoever sources this
	CORE_SOURCE=$folder CORE_VERSION=$2
}

# The versions of a package that are in the cache.
cached_versions() {
	find "$(cache_folder)" -mindepth 1 -maxdepth 1 -type d -name "$1_*" -printf '%f\n' 2>/dev/null | sed "s/^$1_//"
}

# Usage: put_into_cache FOLDER PACKAGE VERSION
put_into_cache() {
	local cache part

	cache=$(cache_folder)
	mkdir -p "$cache"
	INCOMING=$(mktemp -d "$cache/new.XXXXXX")
	for part in "${CORE_PARTS[@]}"; do
		mkdir -p "$INCOMING/$(dirname "$part")"
		cp -R "$1/$part" "$INCOMING/$part" || return 1
	done
	# another run may have been faster; then its folder is as good
	mv -T "$INCOMING" "$cache/$2_$3" 2>/dev/null || [ -d "$cache/$2_$3" ]
}

#
# apt
#

private_apt() {
	# the machine's own options hold, but for where sources, lists and downloads are
	"$1" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$FETCH/sources" \
		-o Dir::State="$FETCH/state" -o Dir::Cache="$FETCH/cache" "${@:2}" </dev/null
}

# The machine's package sources, as sources of source packages.
make_private_apt() {
	local list parts file

	mkdir -p "$FETCH/sources" "$FETCH/state/lists/partial" "$FETCH/cache/archives/partial" "$FETCH/download"
	eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
	for file in "$list" "$parts"/*.list "$parts"/*.sources; do
		if [ -f "$file" ] && [ -r "$file" ]; then
			case $file in
				*.sources) sed -E 's/^types:.*/Types: deb-src/I' "$file" ;;
				# the options of a line, in brackets, are the same for both types
				*) sed -nE '/cdrom:/d; s/^[[:space:]]*deb(-src)?([[:space:]].*)/deb-src\2/p' "$file" | sort -u ;;
			esac >"$FETCH/sources/${file##*/}"
		fi
	done
	# a source that cannot be reached is no obstacle while another one can
	private_apt apt-get update >"$FETCH/log" 2>&1 || :
}

# Takes the version nearest to the server's that can be had: a list may name
# one whose files are gone, or not there yet.
fetch_nearest() {
	local package=$1 version

	while IFS= read -r version; do
		if take_from_cache "$package" "$version" || fetch_version "$package" "$version"; then
			take_from_cache "$package" "$version"
			return
		fi
		say "    version $version is listed, but cannot be fetched"
	done < <({
		private_apt apt-cache showsrc --only-source "$package" 2>/dev/null | sed -n 's/^Version: //p'
		cached_versions "$package"
	} | sort -u | nearest_first "$CORE_WANTED")
	return 1
}

# Versions, one a line: this one, then older ones, then newer ones.
nearest_first() {
	local version older=() newer=()

	while IFS= read -r version; do
		if dpkg --compare-versions "$version" le "$1"; then
			older=("$version" ${older[@]+"${older[@]}"})
		else
			newer+=("$version")
		fi
	done < <(sort -V)
	for version in ${older[@]+"${older[@]}"} ${newer[@]+"${newer[@]}"}; do
		say "$version"
	done
}

# Downloads, unpacks and keeps one version.  dpkg-source applies Debian's patches.
fetch_version() {
	local folder=$FETCH/unpacked

	rm -rf -- "$folder"
	(cd "$FETCH/download" && rm -f -- *.dsc && private_apt apt-get source --download-only "$1=$2") \
		>>"$FETCH/log" 2>&1 || return 1
	# what apt has checked is enough: the maintainer's key, which dpkg-source looks for, need not be here
	dpkg-source --no-check -x "$FETCH/download/"*.dsc "$folder" >>"$FETCH/log" 2>&1 || return 1
	put_into_cache "$folder" "$1" "$2"
}
