#!/usr/bin/env bash
#
# breaker.sh
#	What asking a circuit breaker costs, what it costs many at once, and what a
#	breaker does when what it guards fails and heals.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ALL_PARTS=(cost contention outage)

PARTS=()
COST_ROUNDS=100
BATCH=500
CLIENTS=8
CONTENTION_ROUNDS=10
CONTENTION_SECONDS=1
OUTAGE_ROUNDS=3
FUNCTIONS=200
DOWN=10
OPEN_FOR=2					# seconds, of the outage's breaker
HALF_OPEN_TIMEOUT=2
LOOK=20						# ms that a change may be seen late: a look every 5 ms, and the round trip

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench breaker [OPTION]... [PART]...

		  cost          of breaker_allow with breaker_record, and of rate_take, beside SELECT 1
		  contention    8 clients on one breaker, and each on its own
		  outage        200 functions call what fails for 10 s and heals: with a breaker, without
		                one, and with a function that freezes with a half-open permit

		Without a PART all of them, in about four minutes.

		  --cost-rounds N         rounds, each with a batch of every statement (default 100)
		  --batch N               executions in a batch (default 500)
		  --contention-rounds N   rounds of a second for each (default 10)
		  --outage-rounds N       rounds, each with the three (default 3)
		  --functions N           of the outage (default 200)
		  --down N                seconds that the dependency fails (default 10)
		  --small                 a quick look, in a minute: 1 round, 4 s of outage
		  --help                  this text
	USAGE
}

small() {
	COST_ROUNDS=10 CONTENTION_ROUNDS=2 OUTAGE_ROUNDS=1 DOWN=4
}

while [ $# -gt 0 ]; do
	case $1 in
		--cost-rounds) COST_ROUNDS=$(number_of "$@"); shift 2 ;;
		--batch) BATCH=$(number_of "$@"); shift 2 ;;
		--contention-rounds) CONTENTION_ROUNDS=$(number_of "$@"); shift 2 ;;
		--outage-rounds) OUTAGE_ROUNDS=$(number_of "$@"); shift 2 ;;
		--functions) FUNCTIONS=$(number_of "$@"); shift 2 ;;
		--down) DOWN=$(number_of "$@"); shift 2 ;;
		--small) small; shift ;;
		--help) usage; exit 0 ;;
		*)
			[[ " ${ALL_PARTS[*]} " = *" $1 "* ]] || { usage >&2; exit 2; }
			PARTS+=("$1")
			shift
			;;
	esac
done
[ ${#PARTS[@]} -gt 0 ] || PARTS=("${ALL_PARTS[@]}")

# The smallest or largest number on standard input; nothing if there is none.
smallest() {
	sort -g | head -n 1
}

largest() {
	sort -g | tail -n 1
}

#
# Cost
#

# Where new backends run, and the server itself.  Usage: pin PROCESSORS
pin() {
	taskset -a -c -p "$1" "$(cluster_pid "$WORK/data")" >/dev/null || fail "could not pin the server"
}

# How much more a statement takes than SELECT 1 of its round: 3 the CPU, 4 the wait.
# Usage: more NAME COLUMN
more() {
	awk -v name="$1" -v column="$2" '
		$2 == "one" { one[$1] = $column }
		$2 == name { it[$1] = $column }
		END { for (round in it) printf "%.3f\n", it[round] - one[round] }' "$WORK/cost"
}

# Usage: cost_line NAME TITLE
cost_line() {
	say "  $(printf '%-50s' "$2")  CPU $(more "$1" 3 | spread %+.2f) us"
	say "  $(printf '%-50s' "")  p50 $(more "$1" 4 | spread %+.2f) us"
}

cost_part() {
	say "---- cost of a prepared statement on one connection, a unix socket: the backend's CPU and the client's"
	say "     median wait; $COST_ROUNDS rounds of $BATCH of each, in turns; client and server on processors of their own"
	pin "$(($(processors) - 1))"
	run "$WORK/cost" taskset -c 0 "$COST" --dsn="$FUNCTION_DSN" --rounds="$COST_ROUNDS" --batch="$BATCH" \
		--statement="one::SELECT 1" \
		--statement="control::SELECT 1" \
		--statement="plain:cost:SELECT starts_with(\$1, 'c'), starts_with(\$1, 'd')" \
		--statement="both:cost:SELECT governor.breaker_allow(\$1), governor.breaker_record(\$1, true, '1 ms')" \
		--statement="seconds:seconds:SELECT governor.breaker_allow(\$1), governor.breaker_record(\$1, true, '1 ms')" \
		--statement="allow:cost:SELECT governor.breaker_allow(\$1)" \
		--statement="take:cost:SELECT granted, remaining, retry_after FROM governor.rate_take(\$1, 1)" \
		--statement="granted:cost:SELECT (governor.rate_take(\$1, 1)).granted"
	pin "0-$(($(processors) - 1))"
	say "  $(printf '%-50s' "SELECT 1")  CPU $(awk '$2 == "one" { print $3 }' "$WORK/cost" | spread %.2f) us"
	say "  $(printf '%-50s' "")  p50 $(awk '$2 == "one" { print $4 }' "$WORK/cost" | spread %.2f) us"
	say "  more than that, within a round:"
	cost_line control "SELECT 1 again (control)"
	cost_line plain "two of the server's own functions, for comparison"
	cost_line both "breaker_allow and breaker_record"
	cost_line seconds "the same, window by time"
	cost_line allow "breaker_allow alone"
	cost_line take "rate_take, its row by FROM"
	cost_line granted "rate_take, granted alone in the list"
	say ""
	must "breaker_allow and breaker_record in one round trip, server's CPU over SELECT 1, us, median" \
		"$(more both 3 | median)" '<=' 5
	must "the same, client's wait p50 over SELECT 1, us, median" "$(more both 4 | median)" '<=' 5
	say ""
}

#
# Contention
#

# Clients for some seconds: what they did a second.  Usage: contend NAME SCRIPT
contend() {
	"$PG_BIN/pgbench" -n -M prepared -c "$CLIENTS" -j "$(processors)" -T "$CONTENTION_SECONDS" -f "$WORK/$2.sql" \
		-U function postgres >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed"
	}
	sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$WORK/pgbench.log" >>"$WORK/$1.tps"
}

# Usage: ratios NAME NAME
ratios() {
	paste "$WORK/$1.tps" "$WORK/$2.tps" | awk '{ printf "%.4f\n", $1 / $2 }'
}

contention_part() {
	local round i name which many
	local -A which_is=([one]=0 [own]=:client_id)
	# name and script: the control is the same again
	local runs=("one one" "own own" "control own" "many-one many-one" "many-own many-own")

	for name in one own; do
		which=${which_is[$name]}
		say "\\set which $which
			SELECT governor.breaker_allow(:which), governor.breaker_record(:which, true, '1 ms');" >"$WORK/$name.sql"
		say "\\set which $which
			SELECT count(governor.breaker_allow(:which)), count(governor.breaker_record(:which, true, '1 ms'))
				FROM generate_series(1, 100);" | tr -d '\t' >"$WORK/many-$name.sql"
	done
	say "---- contention: $CLIENTS clients of pgbench, prepared, $CONTENTION_ROUNDS rounds of $CONTENTION_SECONDS s each, in turns"
	rm -f "$WORK"/*.tps
	for ((round = 0; round < CONTENTION_ROUNDS; round++)); do
		# everybody is first, second, ... equally often
		for ((i = 0; i < ${#runs[@]}; i++)); do
			read -r name which <<<"${runs[$(((round + i) % ${#runs[@]}))]}"
			contend "$name" "$which"
		done
	done
	say "  breaker_allow and breaker_record in a round trip"
	say "    each on its own breaker     $(spread %.0f <"$WORK/own.tps") a second"
	say "    all on one                  $(spread %.0f <"$WORK/one.tps") a second"
	say "    ratio one / own             $(ratios one own | spread %.3f)"
	say "    ratio own / own (control)   $(ratios control own | spread %.3f)"
	many=$(ratios many-one many-own | spread %.3f)
	say "  100 of each in one statement, where hardly anything else is done"
	say "    each on its own breaker     $(spread %.0f <"$WORK/many-own.tps") statements a second"
	say "    all on one                  $(spread %.0f <"$WORK/many-one.tps") statements a second"
	say "    ratio one / own             $many"
	say ""
	must "$CLIENTS clients on one breaker / each on its own, median" "$(ratios one own | median)" '>=' 0.9
	say ""
}

#
# Outage
#

# One run; its figures are kept as lines "run round name value".
# Usage: outage RUN ROUND [CALLERS_OPTION...]
outage() {
	local name=$1 round=$2 down

	# a breaker that opens right after the failure would be met at the same moment of its cycle each time
	down=$(awk -v d="$DOWN" -v o="$OPEN_FOR" -v i="$round" -v n="$OUTAGE_ROUNDS" 'BEGIN { printf "%.2f", d + o * (i - 1) / n }')
	sql -c "SELECT governor.breaker_reset('dependency')" >/dev/null
	say "  $name, round $round"
	run "$WORK/outage" "$CALLERS" --dsn="$FUNCTION_DSN" --functions="$FUNCTIONS" --down="$down" --seed="$round" "${@:3}"
	sed 's/^/    /' "$WORK/outage"
	awk -v run="$name" -v round="$round" '{ print run, round, $1, $2 }' "$WORK/outage" >>"$WORK/outages"
}

# Figures of a run, one a round.  Usage: figures RUN NAME
figures() {
	awk -v run="$1" -v name="$2" '$1 == run && $3 == name { print $4 }' "$WORK/outages"
}

# Calls a second that reach the dependency while it is down.  Usage: reaching RUN
reaching() {
	paste <(figures "$1" reached_down) <(figures "$1" seconds_down) | awk '{ printf "%.1f\n", $1 / $2 }'
}

# Percent fewer than without a breaker, round by round.  Usage: fall RUN
fall() {
	paste <(reaching "$1") <(reaching without) | awk '{ printf "%.2f\n", 100 * (1 - $1 / $2) }'
}

# ms from the moment when the permit was taken to the breaker's closing.
frozen_for() {
	paste <(figures frozen recovered_ms) <(figures frozen frozen_ms) | awk 'NF == 2 { print $1 - $2 }'
}

# A line of the table, or nothing if there is no number.  Usage: outage_line TITLE NUMBERS FORMAT UNIT
outage_line() {
	[ -z "$2" ] || say "  $(printf '%-58s' "$1") $(spread "$3" <<<"$2") $4"
}

# The largest of a figure, but only if every round has it.  Usage: largest_of NUMBERS
largest_of() {
	[ "$(grep -c . <<<"$1")" != "$OUTAGE_ROUNDS" ] || largest <<<"$1"
}

outage_part() {
	local round recovered frozen late

	say "---- outage: $FUNCTIONS functions that ask, call, report and think for 50 to 150 ms; the dependency answers every"
	say "     second call by an error and the others not at all (given up after 200 ms) for $DOWN s, and heals; breaker: of the"
	say "     last 100 calls 50 %, open for $OPEN_FOR s, 3 half-open calls, half_open_timeout $HALF_OPEN_TIMEOUT s"
	rm -f "$WORK/outages"
	for ((round = 1; round <= OUTAGE_ROUNDS; round++)); do
		outage without "$round"
		outage with "$round" --breaker=dependency
		outage frozen "$round" --breaker=dependency --freeze
	done
	recovered=$(figures with recovered_ms)
	frozen=$(figures frozen recovered_ms)
	late=$(frozen_for)
	say ""
	outage_line "calls that reach it while it is down, without a breaker" "$(reaching without)" %.1f "a second"
	outage_line "with the breaker" "$(reaching with)" %.1f "a second"
	outage_line "fewer" "$(fall with)" %.2f "%"
	outage_line "from its failure to open" "$(figures with opened_ms)" %.0f ms
	outage_line "from its healing to closed" "$recovered" %.0f ms
	outage_line "the same, with a frozen function" "$frozen" %.0f ms
	outage_line "from the frozen function's permit to closed" "$late" %.0f ms
	say ""
	must "calls that reach the dependency while it is down: percent fewer than without a breaker, least of all rounds" \
		"$(fall with | smallest)" '>=' 95
	must "recovery after healing, ms, largest" "$(largest_of "$recovered")" '<=' $((OPEN_FOR * 1000 + 1000))
	must "recovery with a frozen function, ms, largest" "$(largest_of "$frozen")" \
		'<=' $(((OPEN_FOR + HALF_OPEN_TIMEOUT) * 1000 + 1000))
	must "from the frozen function's permit to closed, ms, largest (a look may be $LOOK late)" "$(largest_of "$late")" \
		'<=' $((HALF_OPEN_TIMEOUT * 1000 + LOOK))
	say ""
}

bench_prepare breaker
make_in "$WORK/src/bench/breaker" >"$WORK/breaker.log" 2>&1 || {
	show_tail "$WORK/breaker.log" >&2
	fail "building the callers failed"
}
CALLERS=$WORK/src/bench/breaker/callers
COST=$WORK/src/bench/breaker/cost
ulimit -n "$(ulimit -Hn)"
bench_cluster data <<-CONF
	max_connections = $((FUNCTIONS + 50))
	autovacuum = off
CONF
FUNCTION_DSN="host=$PGHOST port=$PGPORT user=function dbname=postgres"
on_exit end_helpers
sql <<-SQL
	CREATE ROLE function LOGIN;
	INSERT INTO governor.breaker_settings (name) SELECT i::text FROM generate_series(0, $((CLIENTS - 1))) i;
	INSERT INTO governor.breaker_settings (name, window_type, window_size)
		VALUES ('cost', 'count', 100), ('seconds', 'time', 10);
	INSERT INTO governor.breaker_settings (name, window_type, window_size, minimum_calls, failure_rate, open_for,
			half_open_calls, half_open_timeout)
		VALUES ('dependency', 'count', 100, 20, 50, '$OPEN_FOR s', 3, '$HALF_OPEN_TIMEOUT s');
	INSERT INTO governor.rate_settings (name, rate) VALUES ('cost', '1000000/1s');
SQL
sql -c "SELECT governor.reload()" >/dev/null
bench_results breaker
for part in "${PARTS[@]}"; do
	"${part}_part"
done
say "took $SECONDS s"
