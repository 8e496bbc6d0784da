#!/usr/bin/env bash
#
# reclaim.sh
#	Asks sessions to end at every moment of very short statements and rests,
#	proves that nothing that began was cut, and compares with SIGTERM.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

REQUESTS=100000
SIGNALS=5000

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench reclaim [OPTION]...

		  --requests N   answered requests in the main run (default 100000); the others take a tenth
		  --signals N    SIGTERMs sent in each run of the comparison (default 5000)
		  --help         this text
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--requests) REQUESTS=$(number_of "$@"); shift 2 ;;
		--signals) SIGNALS=$(number_of "$@"); shift 2 ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done

# Sessions that were ended, by what the server's log says that they were doing:
# the command tag that ps shows, the SQLSTATE, and whether a STATEMENT line
# follows, which is there exactly if a statement was running.
summarise_log() {
	awk -F'|' '
		/\|FATAL: / { tag = $2; code = $3; key = tag " " code; ends[key]++; last[$1] = key }
		/\|STATEMENT: / { if ($1 in last) { running[last[$1]]++; delete last[$1] } }
		END { for (key in ends) printf "    ps said \"%s\": %d, of them with a statement running: %d\n", key, ends[key], running[key] }
	' "$1" | sort
}

# Usage: run_hammer TITLE OPTION...
run_hammer() {
	local log=$WORK/data.log size status=0

	size=$(stat -c %s "$log")
	say "---- $1"
	"$HAMMER" --dsn="host=$PGHOST" --load-dsn="host=$PGHOST" --load-dsn="host=127.0.0.1" "${@:2}" || status=$?
	tail -c +$((size + 1)) "$log" >"$WORK/part.log"
	say "  FATALs in the server log (what ps showed, SQLSTATE):"
	summarise_log "$WORK/part.log"
	say ""
	if [ "$status" != 0 ]; then
		FAILURES=$((FAILURES + 1))
		say "FAILED with exit status $status"
	fi
}

FAILURES=0
bench_prepare reclaim
bench_cluster data <<-'CONF'
	max_connections = 200
	governor.sweep_interval = 50ms
	log_line_prefix = '[%p]|%i|%e|'
CONF
bench_results reclaim

run_hammer "governor.reclaim() in a tight loop" \
	--requests="$REQUESTS" --expect-clean
run_hammer "governor.reclaim() and the governor's own timeouts, both at once" \
	--requests=$((REQUESTS / 10)) --idle-timeout=1 --idle-in-transaction-timeout=1 --rest=20 --sessions=32 --overlap --expect-clean
run_hammer "the governor's own timeouts alone" \
	--requests=$((REQUESTS / 10)) --ask=nobody --idle-timeout=1 --idle-in-transaction-timeout=1 --rest=5 --sessions=64 --expect-clean
run_hammer "for comparison: SIGTERM to those that pg_stat_activity says are idle, one query" \
	--requests="$SIGNALS" --ask=terminate
run_hammer "for comparison: SIGTERM, one query lists the idle ones, the next ends them" \
	--requests="$SIGNALS" --ask=terminate-list

[ "$FAILURES" = 0 ] || fail "$FAILURES runs were not clean"
