# shellcheck shell=bash
#
# lib.sh
#	What the benchmarks share, on top of scripts/lib.sh: one build of the
#	extension and of the clients, clusters, medians, kept output.
#
# To use it:
#
#	# shellcheck source=bench/lib.sh
#	. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#	bench_prepare reclaim
#	bench_cluster data <<< "max_connections = 200"
#	bench_results reclaim			from here on, output is kept in bench/results/reclaim.txt
#

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

RESULTS=${BENCH_RESULTS:-$TREE/bench/results}	# where output is kept
# The programs, once they are built.
export HAMMER SLEEPERS

# The number that an option takes.  Usage: VARIABLE=$(number_of "$@")
number_of() {
	[[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "$1 takes a number above 0"
	say "$2"
}

# Installs what is missing, builds the extension and the clients in a copy.
# Usage: bench_prepare NAME [PACKAGE...]
bench_prepare() {
	need build server libpq "${@:2}"
	make_work "pg_governor-bench-$1"
	step "building"
	copy_tree "$WORK/src"
	build "$WORK/src"
	stage "$WORK/src"
	if ! run_as_server make -s -C "$WORK/src/bench/hammer" PG_CONFIG="$PG_CONFIG" >"$WORK/clients.log" 2>&1; then
		show_tail "$WORK/clients.log" >&2
		fail "building the clients failed"
	fi
	HAMMER=$WORK/src/bench/hammer/hammer
	SLEEPERS=$WORK/src/bench/hammer/sleepers
}

# Makes and starts a cluster with the extension, in enforce; lines for its
# postgresql.conf come from standard input.  Usage: bench_cluster NAME
bench_cluster() {
	local data=$WORK/$1

	step "starting a cluster"
	cluster_init "$data"
	{
		say "listen_addresses = '127.0.0.1'"
		say "governor.mode = enforce"
		say "logging_collector = off"
		cat
	} | cluster_configure "$data"
	cluster_start "$data"
	sql -c 'CREATE EXTENSION pg_governor'
}

# What follows is written to the terminal and into the results, with a heading
# that says what it was measured on.  Usage: bench_results NAME
bench_results() {
	mkdir -p "$RESULTS"
	exec > >(tee "$RESULTS/$1.txt")
	TEE_PID=$!
	on_exit wait_for_tee
	say "pg_governor $(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$TREE/pg_governor.control"), benchmark \"$1\""
	say "$(machine)"
	say ""
}

# Lets the last lines reach the terminal before the script is over.  If that is
# in the middle of a redirection, the shell still holds the other end of tee's
# input; tee keeps nothing back, so it is ended after a while.
wait_for_tee() {
	local tenths

	exec >&-
	for ((tenths = 0; tenths < 30; tenths++)); do
		kill -0 "$TEE_PID" 2>/dev/null || return 0
		sleep 0.1
	done
	kill "$TEE_PID" 2>/dev/null || :
}

# One line about the machine.
machine() {
	local model

	model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	say "PostgreSQL $PG_VERSION, $(processors) processors${model:+ ($model)}, Linux $(uname -r | cut -d. -f1,2)"
}

# The median of the numbers on standard input, one a line.
median() {
	sort -g | awk '{ v[NR] = $1 } END { if (NR == 0) exit 1; print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# Median, quartiles and extremes of the numbers on standard input, one a line.
# Usage: spread FORMAT
spread() {
	sort -g | awk -v f="$1" '
		{ v[NR] = $1 }
		function at(share) { return v[int((NR - 1) * share + 1.5)] }
		END { m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
			  printf "median " f " (quartiles " f " to " f ", all " f " to " f ", n %d)\n", m, at(0.25), at(0.75), v[1], v[NR], NR }'
}

# A required figure; the value may be empty.  Usage: must TEXT VALUE RELATION LIMIT
must() {
	if [ -z "$2" ]; then
		say "NOT MEASURED: $1"
	elif awk -v a="$2" -v b="$4" "BEGIN { exit !(a $3 b) }"; then
		say "HOLDS: $1: $2 (required: $3 $4)"
	else
		say "FALLS SHORT: $1: $2 (required: $3 $4)"
	fi
}

# Waits until a query answers t.  Usage: wait_for_sql SECONDS QUERY
wait_for_sql() {
	local until=$((SECONDS + $1))

	while [ "$(sql -c "$2")" != t ]; do
		[ "$SECONDS" -lt "$until" ] || fail "waited $1 s in vain for: $2"
		sleep 0.1
	done
}

# Processes that a benchmark started itself and must end itself.
HELPERS=()

end_helpers() {
	local pid

	for pid in ${HELPERS[@]+"${HELPERS[@]}"}; do
		kill -TERM "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	HELPERS=()
}

# Waits until a helper has ended; its pid is nobody's after that.  Usage: finish PID
finish() {
	local status=0 pid others=()

	wait "$1" || status=$?
	for pid in "${HELPERS[@]}"; do
		[ "$pid" = "$1" ] || others+=("$pid")
	done
	HELPERS=(${others[@]+"${others[@]}"})
	[ "$status" = 0 ] || fail "a client ended with status $status"
}

# A helper in the background, so that a signal to the script is heard at once; its
# output goes to a file.  Usage: run FILE COMMAND...
run() {
	"${@:2}" >"$1" &
	HELPERS+=("$!")
	finish "$!"
}

# Opens sessions that rest until end_helpers.  Usage: hold_sleepers N [OPTION...]
hold_sleepers() {
	local ready=$WORK/ready

	on_exit end_helpers
	rm -f "$ready"
	"$SLEEPERS" --sessions="$1" --ready-file="$ready" "${@:2}" &
	HELPERS+=("$!")
	until [ -e "$ready" ]; do
		kill -0 "${HELPERS[-1]}" 2>/dev/null || fail "the sessions could not be opened"
		sleep 0.1
	done
}
