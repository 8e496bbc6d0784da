#!/usr/bin/env bash
#
# sweep.sh
#	What a sweep costs, beside SELECT * FROM pg_stat_activity in the same run;
#	or, with --liveness, beside one that asks the kernel about all peers.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SESSIONS=(1000 3000)
ROUNDS=30
LIVENESS=
SWEEPS=8		# of one kind, before it is the other's turn

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench sweep [OPTION]...

		  --sessions N   idle sessions; may be repeated (default 1000 and 3000)
		  --rounds N     sweeps, and queries beside them (default 30)
		  --liveness     sessions over TCP: sweeps with and without unresponsive_timeout in turns
		  --help         this text
	USAGE
}

GIVEN=()
while [ $# -gt 0 ]; do
	case $1 in
		--sessions) GIVEN+=("$(number_of "$@")"); shift 2 ;;
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--liveness) LIVENESS=1; shift ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done
[ ${#GIVEN[@]} = 0 ] || SESSIONS=("${GIVEN[@]}")
MOST=$(printf '%s\n' "${SESSIONS[@]}" | sort -g | tail -n 1)

# Milliseconds by the server's clock, in three ways.  Each is a transaction of
# its own: within one, the server reads the activity of all sessions only once.

# From the arrival of the query to its last row; no row is formatted or sent.
# Planned each time, as a monitor's query is, or executed only.
QUERY="SELECT extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000, count(a)
	FROM pg_stat_activity a"
PREPARE="SET plan_cache_mode = force_generic_plan; PREPARE planned AS $QUERY;"

# With the rows formatted, as SELECT * does it, and thrown away.
WITH_ROWS="DO \$\$
	DECLARE began timestamptz := clock_timestamp();
	BEGIN
		COPY (SELECT * FROM pg_stat_activity) TO '/dev/null';
		PERFORM set_config('bench.ms', (extract(epoch FROM clock_timestamp() - began) * 1000)::text, false);
	END \$\$;
	SELECT current_setting('bench.ms');"

# Nanoseconds that a process has spent on a processor.
cpu_ns() {
	cut -d ' ' -f 1 "/proc/$1/schedstat"
}

# A superuser's session that asks one thing after the other; the answer's first
# column is in $REPLY, the second in $SECOND.
ask() {
	printf '%s\n' "$1" >&"${MONITOR[1]}"
	IFS=$'\t' read -r REPLY SECOND <&"${MONITOR[0]}"
}

# Usage: measure N
measure() {
	local i seen governor cpu began monitor

	hold_sleepers "$1" --dsn="host=$PGHOST" --user=sleeper
	wait_for_sql 60 "SELECT count(*) = $1 FROM governor.sessions WHERE class = 'far' AND state = 'idle' AND stale_at > now()"

	coproc MONITOR { sql 2>&1; }
	printf '%s\n' "$PREPARE" >&"${MONITOR[1]}"
	rm -f "$WORK"/*.ms
	governor=$(sql -c "SELECT governor_pid FROM governor.status")
	cpu=$(cpu_ns "$governor")
	began=$(date +%s%N)
	ask "SELECT sweeps FROM governor.status;"
	seen=$REPLY
	# the first rounds, below 0, warm up
	for ((i = -2; i < ROUNDS; i++)); do
		while :; do
			ask "SELECT sweeps, extract(epoch FROM sweep_duration) * 1000 FROM governor.status;"
			[ "$REPLY" = "$seen" ] || break
			sleep 0.05
		done
		seen=$REPLY
		note "$i" sweep "$SECOND"
		ask "$QUERY;"
		note "$i" query "$REPLY"
		ask "EXECUTE planned;"
		note "$i" executed "$REPLY"
		ask "$WITH_ROWS"
		note "$i" rows "$REPLY"
	done
	cpu=$(($(cpu_ns "$governor") - cpu))
	began=$(($(date +%s%N) - began))
	monitor=${MONITOR[1]}
	exec {monitor}>&-
	wait "$MONITOR_PID" || :
	end_helpers

	say "$1 idle sessions"
	say "  a sweep                                     $(spread %.3f <"$WORK/sweep.ms") ms"
	say "  SELECT * FROM pg_stat_activity              $(spread %.3f <"$WORK/query.ms") ms, ratio of medians $(ratio query)"
	say "    its execution alone                       $(spread %.3f <"$WORK/executed.ms") ms, ratio $(ratio executed)"
	say "    with its rows formatted                   $(spread %.3f <"$WORK/rows.ms") ms, ratio $(ratio rows)"
	say "  everything that the governor did            $(awk -v c="$cpu" -v t="$began" 'BEGIN { printf "%.3f %% of one processor", 100 * c / t }')"
	say ""
	wait_for_sql 120 "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'sleeper'"
}

# Puts unresponsive_timeout into force or out of it, and notes, in milliseconds,
# what a sweep takes of a processor then.
# Usage: measure_kind TIMEOUT WHAT GOVERNOR
measure_kind() {
	local seen sweeps cpu

	sql -c "UPDATE governor.classes SET unresponsive_timeout = $1 WHERE name = 'far'"
	sql -c "SELECT governor.reload()" >"$WORK/ignored"
	seen=$(sql -c "SELECT sweeps FROM governor.status")
	wait_for_sql 60 "SELECT sweeps >= $seen + 2 FROM governor.status"
	cpu=$(cpu_ns "$3")
	seen=$(sql -c "SELECT sweeps FROM governor.status")
	wait_for_sql 60 "SELECT sweeps >= $seen + $SWEEPS FROM governor.status"
	cpu=$(($(cpu_ns "$3") - cpu))
	sweeps=$(($(sql -c "SELECT sweeps FROM governor.status") - seen))
	awk -v c="$cpu" -v n="$sweeps" 'BEGIN { print c / n / 1e6 }' >>"$WORK/$2.ms"
}

# Usage: measure_liveness N LIMIT
measure_liveness() {
	local i governor

	sql -c "UPDATE governor.classes SET unresponsive_timeout = '100 s' WHERE name = 'far'"
	sql -c "SELECT governor.reload()" >"$WORK/ignored"
	hold_sleepers "$1" --dsn="host=127.0.0.1" --user=sleeper
	wait_for_sql 60 "SELECT count(*) = $1 FROM governor.sessions WHERE class = 'far' AND state = 'idle' AND peer = 'responsive'"
	governor=$(sql -c "SELECT governor_pid FROM governor.status")
	rm -f "$WORK"/*.ms
	for ((i = 0; i < ROUNDS; i++)); do
		measure_kind NULL without "$governor"
		measure_kind "'100 s'" with "$governor"
	done
	end_helpers

	say "$1 idle sessions over TCP, all of them probed every second"
	say "  a sweep without, of a processor             $(spread %.3f <"$WORK/without.ms") ms"
	say "  a sweep with unresponsive_timeout           $(spread %.3f <"$WORK/with.ms") ms"
	must "milliseconds of a processor for a sweep with liveness at $1 sessions" "$(median <"$WORK/with.ms")" "<=" "$2"
	say ""
	wait_for_sql 120 "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'sleeper'"
}

# Usage: note ROUND WHAT NUMBER
note() {
	[ "$1" -lt 0 ] || say "$3" >>"$WORK/$2.ms"
}

# How many times a sweep it is.  Usage: ratio WHAT
ratio() {
	awk -v a="$(median <"$WORK/$1.ms")" -v b="$(median <"$WORK/sweep.ms")" 'BEGIN { printf "%.0f", a / b }'
}

bench_prepare sweep
ulimit -n "$(ulimit -Hn)"
bench_cluster data <<-CONF
	max_connections = $((MOST + 200))
	shared_buffers = 128MB
	${LIVENESS:+governor.sweep_interval = 250ms}
CONF
sql -c "CREATE ROLE sleeper LOGIN"
sql -c "INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime)
	VALUES ('far', '1 day', '12 h', '1 day', '5 days')"
sql -c "INSERT INTO governor.rules (position, class, role) VALUES (0, 'far', 'sleeper')"
bench_results "sweep${LIVENESS:+-liveness}"
say "governor.sweep_interval $(sql -c 'SHOW governor.sweep_interval'), max_connections $(sql -c 'SHOW max_connections'), $ROUNDS rounds"
say ""
for n in "${SESSIONS[@]}"; do
	if [ "$LIVENESS" ]; then
		# the limit is 5 ms at 1000 sessions and 15 ms at 2500
		measure_liveness "$n" "$(awk -v n="$n" 'BEGIN { print n <= 1000 ? 5 : 15 * n / 2500 }')"
	else
		measure "$n"
	fi
done
