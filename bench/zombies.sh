#!/usr/bin/env bash
#
# zombies.sh
#	Functions freeze inside transactions beside an app that wants the same rows:
#	the server alone, its own timeout, PgBouncer and pg_governor, in turns.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
HERE=$TREE/bench/zombies
# shellcheck source=bench/storm/peers.sh
. "$TREE/bench/storm/peers.sh"

ALL_PEERS=(bare built-in pgbouncer governor)

PEERS=()
ROUNDS=5
BEFORE=10
AFTER=20
ENVIRONMENTS=15				# functions that freeze; peers.sh knows them by this name
APP=10
THINK=40
SCALE=20
TIMEOUT=500
NARROW=100
WIDE=100

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench zombies [OPTION]...

		An app with a pool of sessions runs TPC-B transactions, alone for a while.  Then
		functions come, all at once: each runs one such transaction, begins another, and
		freezes before its COMMIT, its rows locked.  How long does the app stand still?

		  bare        the server alone
		  built-in    idle_in_transaction_session_timeout = 5s for the functions' role
		  pgbouncer   app and functions through PgBouncer in transaction mode
		  governor    pg_governor with idle_blocker_timeout

		  --peer NAME      only this one (may be repeated)
		  --rounds N       rounds, each with every peer (default 5)
		  --before N       seconds of the app alone (default 10)
		  --seconds N      seconds from the freeze on (default 20)
		  --functions N    functions that freeze (default 15)
		  --app N          sessions of the app, each pausing for 40 ms between its transactions (default 10)
		  --scale N        of the pgbench tables, so many rows that everybody wants (default 20)
		  --timeout N      idle_blocker_timeout in milliseconds (default 500)
		  --small          a quick look: 1 round, 4 and 8 seconds
		  --help           this text

		About two minutes and a half for each round.  Installs pgbouncer where it is missing.
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--peer)
			[[ " ${ALL_PEERS[*]} " = *" ${2:-} "* ]] || fail "--peer takes one of ${ALL_PEERS[*]}"
			PEERS+=("$2")
			shift 2
			;;
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--before) BEFORE=$(number_of "$@"); shift 2 ;;
		--seconds) AFTER=$(number_of "$@"); shift 2 ;;
		--functions) ENVIRONMENTS=$(number_of "$@"); shift 2 ;;
		--app) APP=$(number_of "$@"); shift 2 ;;
		--scale) SCALE=$(number_of "$@"); shift 2 ;;
		--timeout) TIMEOUT=$(number_of "$@"); shift 2 ;;
		--small) ROUNDS=1 BEFORE=4 AFTER=8; shift ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done
[ ${#PEERS[@]} -gt 0 ] || PEERS=("${ALL_PEERS[@]}")
NARROW=$((APP + ENVIRONMENTS + 30))
WIDE=$NARROW

# Takes a peer out if it is not to be had.
find_peers() {
	local here=() peer

	PATH=$PATH:/usr/sbin:/sbin
	[[ " ${PEERS[*]} " = *" pgbouncer "* ]] || return 0
	if ! (need pgbouncer); then
		warn "skipped: pgbouncer is not to be had"
		for peer in "${PEERS[@]}"; do
			[ "$peer" = pgbouncer ] || here+=("$peer")
		done
		[ ${#here[@]} -gt 0 ] || fail "nobody is left to measure"
		PEERS=("${here[@]}")
	fi
}

# Usage: set_up PEER
set_up() {
	peer_start "$1"
	sql -c "GRANT ALL ON pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history TO function"
	case $1 in
		built-in) sql -c "ALTER ROLE function SET idle_in_transaction_session_timeout = '5s'" ;;
		pgbouncer)
			bouncer_start transaction "$((ENVIRONMENTS + APP))"
			FUNCTION_DSN=${FUNCTION_DSN/port=$PGPORT/port=$BOUNCER_PORT}
			APP_DSN=${APP_DSN/port=$PGPORT/port=$BOUNCER_PORT}
			;;
		governor)
			govern "idle_blocker_timeout = '$TIMEOUT ms'" || fail "$(head -n 1 "$WORK/refused")"
			;;
	esac
}

# One freeze beside the app; records it.  Usage: freeze PEER ROUND
freeze() {
	local peer=$1 round=$2 app functions left

	rm -f "$WORK/ready" "$WORK"/*.json "$WORK/app.csv"
	"$FLEET" --environments=0 --app-dsn="$APP_DSN" --app-pool="$APP" --app-think="$THINK" --app-statement=@"$WORK/tpcb.sql" \
		--seed="$round" --warm-up="$BEFORE" --duration="$AFTER" --ready-file="$WORK/ready" \
		--series="$WORK/app.csv" --series-every=100ms --json="$WORK/app.json" >"$WORK/app.out" &
	app=$!
	HELPERS+=("$app")
	until [ -e "$WORK/ready" ]; do
		kill -0 "$app" 2>/dev/null || fail "the app could not begin"
		sleep 0.01
	done
	"$FLEET" --quiet --dsn="$FUNCTION_DSN" --environments="$ENVIRONMENTS" --invocations=1 --transaction \
		--statement=@"$WORK/tpcb.sql" --ending=transaction=100 --give-up=600 --seed="$round" --hold \
		--json="$WORK/functions.json" 2>"$WORK/functions.log" &
	functions=$!
	HELPERS+=("$functions")
	finish "$app"
	left=$(sql -c "SELECT count(*) FILTER (WHERE state = 'idle in transaction') || ',' || count(*) FILTER (WHERE state = 'active')
		FROM pg_stat_activity WHERE usename = 'function'")
	# functions that still wait for a row make its end an interruption
	kill -TERM "$functions"
	wait "$functions" || :
	HELPERS=()
	perl "$HERE/record.pl" "$peer" "$round" "$WORK/app.json" "$WORK/app.csv" "$left" "$SERIES" >>"$RECORDS"
	perl "$HERE/table.pl" "$RECORDS" "$peer" "$round"
	if [ "$peer" = governor ]; then
		say "  governor.events: $(sql -c "SELECT string_agg(format('%s: %s', reason, detail), '; ' ORDER BY at) FROM governor.events WHERE kind = 'reclaimed'")"
	fi
}

# The peers of a round, beginning with another one in each.
peers_of() {
	local first=$((($1 - 1) % ${#PEERS[@]}))

	printf '%s\n' "${PEERS[@]:first}" "${PEERS[@]:0:first}"
}

# Usage: figure PEER COLUMN median|min|max
figure() {
	perl "$HERE/table.pl" "$RECORDS" --figure "$@"
}

bench_prepare zombies perl
make_in "$WORK/src/bench/fleet" >"$WORK/fleet.log" 2>&1 || {
	show_tail "$WORK/fleet.log" >&2
	fail "building the fleet failed"
}
FLEET=$WORK/src/bench/fleet/fleet
RECORDS=$WORK/records
SERIES=$WORK/series
on_exit end_helpers
on_exit bouncer_stop
HERE=$TREE/bench/storm peers_init
find_peers
bench_results zombies
say "$ENVIRONMENTS functions freeze inside TPC-B transactions; app of $APP sessions, $THINK ms between their transactions, scale $SCALE;"
say "$BEFORE s before the freeze, $AFTER s after it, $ROUNDS rounds; idle_blocker_timeout $TIMEOUT ms"
say ""
perl "$HERE/record.pl" --header >"$RECORDS"
say "peer,round,second,app_ok" >"$SERIES"
for ((round = 1; round <= ROUNDS; round++)); do
	while read -r peer <&3; do
		say "---- $peer, round $round"
		set_up "$peer"
		freeze "$peer" "$round"
		peer_stop
	done 3< <(peers_of "$round")
done
say ""
perl "$HERE/table.pl" "$RECORDS"
say ""
if [ -n "$(figure governor whole median)" ]; then
	must "the app is back at 0.95 of before, seconds after the freeze, most of all rounds" "$(figure governor back max)" '<=' 2
	must "the app from the freeze on, of before, least of all rounds" "$(figure governor after min)" '>=' 0.9
	must "the app over the whole run, of before, least of all rounds" "$(figure governor whole min)" '>=' 0.9
fi
cp "$RECORDS" "$RESULTS/zombies.csv"
perl "$HERE/chart.pl" "$SERIES" "$ENVIRONMENTS functions freeze inside transactions" >"$RESULTS/zombies.svg"
say "took $SECONDS s"
