#!/usr/bin/env bash
#
# lateness.sh
#	How late zombies end after their timeout, by the client's clock.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SESSIONS=300
ROUNDS=3

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench lateness [OPTION]...

		  --sessions N   sessions in each round (default 300)
		  --rounds N     rounds of each kind (default 3)
		  --help         this text
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--sessions) SESSIONS=$(number_of "$@"); shift 2 ;;
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done

# Usage: set_timeouts IDLE IDLE_IN_TRANSACTION, each a literal or NULL
set_timeouts() {
	sql -c "UPDATE governor.classes SET idle_timeout = $1, idle_in_transaction_timeout = $2 WHERE name = 'late'"
	sql -c "SELECT governor.reload()" >/dev/null
}

# Usage: measure SLEEPERS_OPTION...
measure() {
	"$SLEEPERS" --dsn="host=$PGHOST" --user=sleeper "$@"
}

# The number that follows a word, of each line that begins with a kind.
# Usage: values KIND WORD <FILE
values() {
	sed -n "s/^$1: n .* $2 \([-0-9.]*\).*/\1/p"
}

# Rounds of one kind: each line of sleepers, then the median of its medians and
# the largest of its maxima.  Usage: rounds TITLE SLEEPERS_OPTION...
rounds() {
	local i kind out=$WORK/rounds

	say "---- $1"
	: >"$out"
	for ((i = 0; i < ROUNDS; i++)); do
		measure "${@:2}" | tee -a "$out"
	done
	for kind in idle idle_in_transaction; do
		if grep -q "^$kind:" "$out"; then
			say "=> $kind: median of $ROUNDS medians $(values $kind median <"$out" | median) ms," \
				"largest $(values $kind max <"$out" | sort -g | tail -n 1) ms"
		fi
	done
	say ""
}

bench_prepare lateness
bench_cluster data <<-CONF
	max_connections = $((SESSIONS + 100))
	governor.event_buffer = 100000
CONF
sql -c "CREATE ROLE sleeper LOGIN"
sql -c "INSERT INTO governor.classes (name) VALUES ('late')"
sql -c "INSERT INTO governor.rules (position, class, role) VALUES (0, 'late', 'sleeper')"
bench_results lateness
say "governor.sweep_interval $(sql -c 'SHOW governor.sweep_interval'); lateness = connection found closed - last statement sent - timeout"
say ""

say "---- the clock itself: the server's own idle_session_timeout of 2 s, pg_governor without timeouts"
sql -c "ALTER ROLE sleeper SET idle_session_timeout = '2s'"
sql -c "ALTER ROLE sleeper SET idle_in_transaction_session_timeout = '2s'"
measure --sessions="$SESSIONS" --spread=3 --timeout=2 --transaction-timeout=2 --transactions=50
sql -c "ALTER ROLE sleeper RESET ALL"
say ""

set_timeouts "'2 s'" "'2 s'"
rounds "$SESSIONS sessions go idle at random moments of 3 s; timeout 2 s" \
	--sessions="$SESSIONS" --spread=3 --timeout=2
rounds "the same, half of them inside a transaction; both timeouts 2 s" \
	--sessions="$SESSIONS" --spread=3 --timeout=2 --transaction-timeout=2 --transactions=50
rounds "30 sessions in 15 s: one now and then; timeout 2 s" \
	--sessions=30 --spread=15 --timeout=2

set_timeouts "'300 ms'" "'300 ms'"
rounds "for information, timeouts shorter than sweep_interval: 0.3 s" \
	--sessions="$SESSIONS" --spread=3 --timeout=0.3 --transaction-timeout=0.3 --transactions=50
rounds "for information, the same with 30 sessions in 15 s" \
	--sessions=30 --spread=15 --timeout=0.3

say "ended, by governor.stat_classes:"
sql -c "SELECT 'idle ' || reclaimed_idle || ', idle_in_transaction ' || reclaimed_idle_in_transaction ||
		', declined ' || declined FROM governor.stat_classes WHERE class = 'late'"
