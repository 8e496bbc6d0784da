#!/usr/bin/env bash
#
# storm.sh
#	A storm of functions against the server alone, an expert's built-ins, PgBouncer,
#	serverless-postgres and pg_governor, in turns.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
HERE=$TREE/bench/storm
# shellcheck source=bench/storm/peers.sh
. "$HERE/peers.sh"

ALL_WORKLOADS=(main waves tight bustle client warm decision)
ALL_PEERS=(bare expert pgbouncer-session pgbouncer-transaction serverless governor bare-wide expert-wide)
WAVES_PEERS=(governor bare-wide expert-wide pgbouncer-transaction)
BUSTLE_PEERS=(governor expert-wide)

WORKLOADS=()
PEERS=()
ROUNDS=3
ENVIRONMENTS=1000
NARROW=100					# max_connections of those that do not need more
WIDE=						# and of pg_governor: for the class, for as many that wait, and room
SCALE=10
WARM_UP=5
LIFE=30						# no invocation begins later in a life
PACE=120					# admissions a second
PACES=(none 200 150 100 75 50)
NEWCOMERS=200				# of the Bustle case
WARM_ROUNDS=10
WARM_INVOCATIONS=5000
LOGINS=2000

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench storm [OPTION]... [WORKLOAD]...

		  main       1000 functions at once, beside an app and people who log in
		  waves      and 12 s later 1000 others, while the first lie frozen
		  tight      one wave against a cap of 80: pg_governor by pace and evict_after
		  bustle     a full class of 1000 frozen sessions; newcomers at 20 a second
		  client     serverless-postgres, unchanged, in front of pg_governor that refuses
		  warm       latency of a warm invocation, directly and through PgBouncer
		  decision   cost of a login's decision at 10 and at 1000 sessions

		Without a WORKLOAD all of them, in about half an hour; --small in about five minutes.

		  --peer NAME         only this one (may be repeated): bare, expert, pgbouncer-session,
		                      pgbouncer-transaction, serverless, governor, bare-wide, expert-wide
		  --rounds N          rounds, each with every peer (default 3)
		  --environments N    functions in a wave (default 1000)
		  --connections N     max_connections of the peers (default 100)
		  --scale N           of the app's pgbench tables (default 10)
		  --warm-up N         seconds of the app alone before the storm (default 5)
		  --life N            seconds after which a function begins no invocation (default 30)
		  --pace N            pg_governor's admissions a second (default 120)
		  --small             a quick look: 100 functions, 1 round, small everything
		  --help              this text

		pg_governor's max_connections, and that of bare-wide and expert-wide, is twice the
		functions and 300.  Installs pgbouncer, nodejs and npm where they are missing.
	USAGE
}

small() {
	ROUNDS=1 ENVIRONMENTS=100 NARROW=60 SCALE=1 WARM_UP=2 LIFE=10 PACES=(none 75) NEWCOMERS=20
	WARM_ROUNDS=2 WARM_INVOCATIONS=500 LOGINS=200
}

while [ $# -gt 0 ]; do
	case $1 in
		--peer)
			[[ " ${ALL_PEERS[*]} " = *" ${2:-} "* ]] || fail "--peer takes one of ${ALL_PEERS[*]}"
			PEERS+=("$2")
			shift 2
			;;
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--environments) ENVIRONMENTS=$(number_of "$@"); shift 2 ;;
		--connections) NARROW=$(number_of "$@"); shift 2 ;;
		--scale) SCALE=$(number_of "$@"); shift 2 ;;
		--warm-up) WARM_UP=$(number_of "$@"); shift 2 ;;
		--life) LIFE=$(number_of "$@"); shift 2 ;;
		--pace) PACE=$(number_of "$@"); shift 2 ;;
		--small) small; shift ;;
		--help) usage; exit 0 ;;
		*)
			[[ " ${ALL_WORKLOADS[*]} " = *" $1 "* ]] || { usage >&2; exit 2; }
			WORKLOADS+=("$1")
			shift
			;;
	esac
done
[ ${#WORKLOADS[@]} -gt 0 ] || WORKLOADS=("${ALL_WORKLOADS[@]}")
[ ${#PEERS[@]} -gt 0 ] || PEERS=("${ALL_PEERS[@]}")
WIDE=$((ENVIRONMENTS * 2 + 300))

#
# What is there
#

declare -A SKIPPED			# why a peer is not measured

# Usage: skip_peer REASON PEER...
skip_peer() {
	local peer

	for peer in "${@:2}"; do
		SKIPPED[$peer]=$1
	done
	warn "skipped: ${*:2}: $1"
}

# Is anything chosen that needs one of these peers?
wants() {
	local peer

	for peer in "$@"; do
		[[ " ${PEERS[*]} " != *" $peer "* ]] || return 0
	done
	return 1
}

# A peer's packages, or no peer.
find_peers() {
	PATH=$PATH:/usr/sbin:/sbin
	if wants pgbouncer-session pgbouncer-transaction && ! (need pgbouncer); then
		skip_peer "PgBouncer is not to be had" pgbouncer-session pgbouncer-transaction
	fi
	if wants serverless; then
		# Debian's npm brings node with it
		if ! (need npm) || ! command -v node >/dev/null; then
			skip_peer "Node.js and npm are not to be had" serverless
		elif ! serverless_init; then
			show_tail "$WORK/npm.log" >&2
			skip_peer "npm could not install serverless-postgres" serverless
		fi
	fi
	if wants governor && ! governor_admits; then
		show_tail "$WORK/refused" 1 >&2
		skip_peer "not in this version: pg_governor refuses connect_rate, evict_after, queue_limit, queue_timeout" governor
	fi
}

# The peers of a list that are chosen and there, beginning with another one in each
# round.  Usage: peers_of ROUND PEER...
peers_of() {
	local round=$1 peer here=()

	shift
	for peer in "$@"; do
		if wants "$peer" && [ -z "${SKIPPED[$peer]:-}" ]; then
			here+=("$peer")
		fi
	done
	[ ${#here[@]} -gt 0 ] || return 0
	round=$(((round - 1) % ${#here[@]}))
	printf '%s\n' "${here[@]:round}" "${here[@]:0:round}"
}

#
# Keeping what comes out
#

RECORDS=					# of every run, a line of CSV
GOODPUT=					# of every second of every run, the same

# What follows goes into a file of its own.  Usage: begin_workload NAME TITLE
begin_workload() {
	local peer

	end_workload
	BEGUN=$SECONDS
	exec {TERMINAL}>&1
	bench_results "storm-$1"
	say "$2"
	say "$ENVIRONMENTS functions, scale $SCALE, $ROUNDS rounds; max_connections $NARROW, of pg_governor and -wide $WIDE"
	for peer in "${!SKIPPED[@]}"; do
		say "skipped: $peer: ${SKIPPED[$peer]}"
	done
	say ""
}

end_workload() {
	if [ -n "${TERMINAL:-}" ]; then
		say ""
		say "took $((SECONDS - BEGUN)) s"
		exec >&"$TERMINAL"
		wait "$TEE_PID" || :
		exec {TERMINAL}>&-
		TERMINAL=
	fi
}

# A column of the records.  Usage: figure WORKLOAD PEER SETTING COLUMN [median|min|max|sum]
figure() {
	perl "$HERE/table.pl" "$RECORDS" "$@"
}

# Usage: difference A B; nothing if one is missing
difference() {
	[ -z "$1" ] || [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a - b }'
}

# Usage: ratio A B
ratio() {
	[ -z "$1" ] || [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'
}

#
# A run
#

# Waits for a file that a helper makes.  Usage: wait_for_file FILE PID
wait_for_file() {
	until [ -e "$1" ]; do
		kill -0 "$2" 2>/dev/null || fail "the fleet could not begin"
		sleep 0.02
	done
}

# One storm against the peer that runs; records it.
# Usage: storm WORKLOAD PEER SETTING ROUND [FLEET_OPTION...]
storm() {
	local workload=$1 peer=$2 setting=$3 round=$4 json=$WORK/fleet.json series=$WORK/series.csv pid
	local beside=(
		--app-dsn="$APP_DSN" --app-pool=10 --app-statement=@"$WORK/tpcb.sql" --app-think=40
		--human-dsn="$HUMAN_DSN" --human-dsn="$OWN_DSN" --human-login-interval=1000
		--warm-up="$WARM_UP" --give-up=10 --json="$json" --series="$series"
	)

	shift 4
	say "---- $workload, $peer${setting:+, $setting}, round $round"
	rm -f "$WORK"/*.json "$WORK"/*.csv "$WORK/ready"
	if [ "$peer" = serverless ]; then
		"$FLEET" --environments=0 --hold --ready-file="$WORK/ready" "${beside[@]}" >"$WORK/report" &
		pid=$!
		HELPERS+=("$pid")
		wait_for_file "$WORK/ready" "$pid"
		run "$WORK/node.out" node "$WORK/node/serverless.js" --environments="$ENVIRONMENTS" --invocations=5 --think=1000 \
			--duration=$((LIFE * 1000)) --give-up=10000 --max-connections="$NARROW" \
			--port="$PGPORT" --user=function --json="$WORK/node.json" --series="$WORK/node.csv"
		sed 's/^/  /' "$WORK/node.out"
		kill -TERM "$pid"
		finish "$pid"
		set -- "$WORK/node.json"
		perl "$HERE/record.pl" --seconds "$workload" "$peer" "$setting" "$round" "$json" "$series" "$WORK/node.csv" >>"$GOODPUT"
	else
		run "$WORK/report" "$FLEET" --dsn="$FUNCTION_DSN" --environments="$ENVIRONMENTS" --invocations=5 --think=1000 \
			--duration="$LIFE" "${beside[@]}" "$@"
		set --
		perl "$HERE/record.pl" --seconds "$workload" "$peer" "$setting" "$round" "$json" "$series" >>"$GOODPUT"
	fi
	perl "$HERE/record.pl" "$workload" "$peer" "$setting" "$round" "$json" "$series" "$@" >>"$RECORDS"
	summarise_report
	if [ "$peer" = governor ]; then
		say "  governor.stat_classes: $(sql -c "SELECT string_agg(key || ' ' || value, ', ') FROM governor.stat_classes s,
			jsonb_each_text(to_jsonb(s)) WHERE class = 'function' AND value <> '0' AND key NOT IN ('class', 'stats_reset')")"
	fi
}

# The parts of the report that are not told by others: what succeeded is counted
# among the latencies.  Many runs make a long file.
summarise_report() {
	awk '
		/^$/ { next }
		/^[^ ]/ { keep = !/^(fleet|completed|endings|app rounds|simulator|sessions lost  *0$)/ }
		/^  (ok|failed|connected|app connects) / { next }
		keep || /APP SESSIONS LOST/ { print "  " $0 }' "$WORK/report"
}

# A workload in rounds, each with every peer.
# Usage: rounds WORKLOAD "PEER..." [FLEET_OPTION...]
rounds() {
	local workload=$1 peer round among

	read -ra among <<<"$2"
	shift 2
	for ((round = 1; round <= ROUNDS; round++)); do
		while read -r peer <&3; do
			peer_start "$peer"
			if [ "$peer" = governor ]; then
				govern_wide "'$PACE/1s'"
			fi
			storm "$workload" "$peer" "" "$round" "$@"
			peer_stop
		done 3< <(peers_of "$round" "${among[@]}")
	done
}

# The thresholds for max_connections above the storm.  Usage: govern_wide PACE
govern_wide() {
	govern "max_sessions = $ENVIRONMENTS" "connect_rate = $1" "evict_after = '300 ms'" \
		"queue_limit = $((ENVIRONMENTS + 100))" "queue_timeout = '12 s'" ||
		fail "$(head -n 1 "$WORK/refused")"
}

# The goodput of this workload as a picture, which has its numbers in it.
# Usage: chart WORKLOAD TITLE
chart() {
	perl "$HERE/chart.pl" "$GOODPUT" "$1" "$2" >"$RESULTS/storm-$1.svg"
}

# The lines of this workload in what is kept of all of them.  Usage: keep WORKLOAD
keep() {
	perl "$HERE/record.pl" --header >"$RESULTS/storm-$1.csv"
	awk -F, -v w="$1" '$1 == w' "$RECORDS" >>"$RESULTS/storm-$1.csv"
}

#
# The workloads
#

main_workload() {
	begin_workload main "One wave of functions: 5 invocations a second apart, then frozen; a function gives up after 10 s."
	rounds main "${ALL_PEERS[*]}"
	say ""
	perl "$HERE/table.pl" "$RECORDS" main
	keep main
	chart main "One wave of $ENVIRONMENTS functions"
}

waves_workload() {
	local wave app

	begin_workload waves "Two waves, 12 s apart; the first lies frozen when the second comes."
	rounds waves "${WAVES_PEERS[*]}" --second-wave-after=12
	say ""
	perl "$HERE/table.pl" "$RECORDS" waves
	say ""
	must "two waves: functions of the first served, least of all rounds" "$(figure waves governor "" served min)" '>=' "$ENVIRONMENTS"
	must "two waves: functions of the second served, least of all rounds" "$(figure waves governor "" served_2 min)" '>=' "$ENVIRONMENTS"
	must "two waves: share of invocations that succeed" "$(figure waves governor "" share)" '>=' 0.999
	for wave in app_first app_first_2 app_whole; do
		app=${wave/app_first_2/the app in the first 5 s of the second wave, of before}
		app=${app/app_first/the app in the first 5 s of the first wave, of before}
		app=${app/app_whole/the app over the whole, of before}
		must "two waves: $app" "$(figure waves governor "" "$wave")" '>=' 0.95
	done
	must "two waves: logins at an address of their own that failed, all rounds" "$(figure waves governor "" own_failed sum)" '<=' 0
	must "two waves: their p99 in ms" "$(figure waves governor "" own_p99)" '<' 1000
	must "two waves: logins at the functions' address that failed, all rounds" "$(figure waves governor "" human_failed sum)" '<=' 0
	keep waves
	chart waves "Two waves of $ENVIRONMENTS functions, 12 s apart"
}

# Usage: tight_run PACE EVICT_AFTER ROUND
tight_run() {
	local pace="'$1/1s'"

	[ "$1" != none ] || pace=NULL
	peer_start governor
	govern "max_sessions = $((NARROW * 4 / 5))" "connect_rate = $pace" "evict_after = '$2'" \
		"queue_limit = $((ENVIRONMENTS + 100))" "queue_timeout = '12 s'" || fail "$(head -n 1 "$WORK/refused")"
	storm tight governor "pace $1 evict_after $2" "$3"
	peer_stop
}

# The setting that serves 99 % with the most left for the app; where none does, the
# one that serves most.
best_of_tight() {
	local setting

	while IFS= read -r setting; do
		say "$(figure tight governor "$setting" served) $(figure tight governor "$setting" app_first) $setting"
	done < <(awk -F, '$1 == "tight" && !seen[$3]++ { print $3 }' "$RECORDS") |
		awk -v n="$ENVIRONMENTS" '{ enough = $1 >= 0.99 * n; print enough, (enough ? $2 : $1), $0 }' |
		sort -k1,1nr -k2,2nr | head -n 1 | cut -d ' ' -f 5-
}

tight_workload() {
	local pace round best

	begin_workload tight "One wave against a class cap of $((NARROW * 4 / 5)): the curve once, the best setting in every round."
	if [ -n "$(peers_of 1 governor)" ]; then
		for pace in "${PACES[@]}"; do
			tight_run "$pace" "200 ms" 1
		done
		tight_run none "1 s" 1
		tight_run 100 "1 s" 1
		best=$(best_of_tight)
		for ((round = 2; round <= ROUNDS; round++)); do
			pace=${best#pace }
			tight_run "${pace%% *}" "${best#* evict_after }" "$round"
		done
		say ""
		perl "$HERE/table.pl" "$RECORDS" tight
		say ""
		say "the best setting: $best"
		must "tight cap: share of the functions served" \
			"$(ratio "$(figure tight governor "$best" served)" "$ENVIRONMENTS")" '>=' 0.99
		must "tight cap: the app in the first 5 s, of before" "$(figure tight governor "$best" app_first)" '>=' 0.85
		must "tight cap: the app over the whole, of before" "$(figure tight governor "$best" app_whole)" '>=' 0.85
		keep tight
	else
		must "tight cap" "" '>=' 0
	fi
}

# A value of a fleet's summary.  Usage: json FILE PATH
json() {
	sql -v report="$(cat "$1")" -v path="$2" <<<"SELECT :'report'::json #>> :'path'"
}

# Usage: bustle_run PEER ROUND
bustle_run() {
	local peer=$1 round=$2 holder plain newcomers name evicted=-

	peer_start "$peer"
	case $peer in
		governor)
			# a full class shortens idle_timeout; here only newcomers are to end anybody
			govern "max_sessions = $ENVIRONMENTS" "connect_rate = NULL" "evict_after = '1 s'" "idle_timeout = NULL" \
				"queue_limit = 1000" "queue_timeout = '9 s'" || fail "$(head -n 1 "$WORK/refused")"
			;;
		*) sql -c "ALTER ROLE function CONNECTION LIMIT $ENVIRONMENTS" ;;
	esac
	rm -f "$WORK/ready"
	"$FLEET" --quiet --dsn="$FUNCTION_DSN" --environments="$ENVIRONMENTS" --hold --ready-file="$WORK/ready" \
		--json="$WORK/holders.json" &
	holder=$!
	HELPERS+=("$holder")
	wait_for_file "$WORK/ready" "$holder"
	if [ "$peer" = governor ]; then
		evicted=$(governed evicted)
	fi
	# both kinds of login in the same seconds
	"$FLEET" --quiet --dsn="${FUNCTION_DSN/user=function/user=plain}" --environments="$NEWCOMERS" --arrival=20/s \
		--ending=quit=100 --function=plain --json="$WORK/plain.json" &
	plain=$!
	HELPERS+=("$plain")
	"$FLEET" --quiet --dsn="$FUNCTION_DSN" --environments="$NEWCOMERS" --arrival=20/s \
		--function=newcomer --json="$WORK/newcomers.json" &
	newcomers=$!
	HELPERS+=("$newcomers")
	finish "$plain"
	finish "$newcomers"
	end_helpers

	say "---- bustle, $peer, round $round"
	for name in plain newcomers; do
		say "  $name: served $(json "$WORK/$name.json" '{waves,0,served}') of $NEWCOMERS;" \
			"login p50 $(json "$WORK/$name.json" '{connects,latency_ms,p50}') ms," \
			"p99 $(json "$WORK/$name.json" '{connects,latency_ms,p99}') ms;" \
			"invocation with its retries p50 $(json "$WORK/$name.json" '{invocations,latency_ms,p50}') ms," \
			"p99 $(json "$WORK/$name.json" '{invocations,latency_ms,p99}') ms;" \
			"$(json "$WORK/$name.json" '{connects,attempts}') attempts"
	done
	if [ "$peer" = governor ]; then
		say "  evicted while the class had room: $evicted; in all: $(governed evicted)"
	fi
	say "$peer $round $(json "$WORK/newcomers.json" '{waves,0,served}') $evicted" \
		"$(added connects p50) $(added connects p99) $(added invocations p50) $(added invocations p99)" >>"$WORK/bustle"
	peer_stop
}

# What newcomers waited longer than plain logins, in ms.  Usage: added WHAT PERCENTILE
added() {
	difference "$(json "$WORK/newcomers.json" "{$1,latency_ms,$2}")" "$(json "$WORK/plain.json" "{$1,latency_ms,$2}")"
}

# Of the rounds; nothing without any.  Usage: bustle_figure PEER FIELD [median|least|most]
bustle_figure() {
	local numbers

	numbers=$(awk -v p="$1" -v f="$2" '$1 == p { print $f }' "$WORK/bustle" | sort -g)
	[ -n "$numbers" ] || return 0
	case ${3:-median} in
		least) head -n 1 <<<"$numbers" ;;
		most) tail -n 1 <<<"$numbers" ;;
		median) median <<<"$numbers" ;;
	esac
}

bustle_workload() {
	local round peer

	begin_workload bustle "A class of $ENVIRONMENTS is full of frozen sessions; $NEWCOMERS newcomers at 20 a second, plain logins beside."
	: >"$WORK/bustle"
	for ((round = 1; round <= ROUNDS; round++)); do
		while read -r peer <&3; do
			bustle_run "$peer" "$round"
		done 3< <(peers_of "$round" "${BUSTLE_PEERS[@]}")
	done
	say ""
	say "added to a plain login, medians of the rounds, ms: login p50, p99; invocation with its retries p50, p99"
	for peer in "${BUSTLE_PEERS[@]}"; do
		say "  $peer: $(bustle_figure "$peer" 5), $(bustle_figure "$peer" 6); $(bustle_figure "$peer" 7), $(bustle_figure "$peer" 8)"
	done
	say ""
	must "Bustle: newcomers served, least of all rounds" "$(bustle_figure governor 3 least)" '>=' "$NEWCOMERS"
	must "Bustle: login time added by eviction, p50, ms" "$(bustle_figure governor 5)" '<=' 10
	must "Bustle: login time added by eviction, p99, ms" "$(bustle_figure governor 6)" '<=' 50
	must "Bustle: sessions ended while the class had room, most of all rounds" "$(bustle_figure governor 4 most)" '<=' 0
}

client_workload() {
	local round cap=$((ENVIRONMENTS / 20)) functions=$((ENVIRONMENTS / 5)) retried refused

	begin_workload client "serverless-postgres, unchanged, in front of pg_governor: $functions functions, a cap of $cap, no queue."
	if [ -z "$(peers_of 1 governor)" ] || [ -z "$(peers_of 1 serverless)" ]; then
		must "serverless-postgres' own retry works on a refusal" "" '>=' 1
		return 0
	fi
	: >"$WORK/client"
	for ((round = 1; round <= ROUNDS; round++)); do
		peer_start governor
		govern "max_sessions = $cap" "connect_rate = NULL" "evict_after = '300 ms'" "queue_limit = 0" ||
			fail "$(head -n 1 "$WORK/refused")"
		say "---- client, round $round"
		run "$WORK/node.out" node "$WORK/node/serverless.js" --environments="$functions" --invocations=5 --think=1000 \
			--duration=$((LIFE * 1000)) --give-up=10000 --max-connections="$cap" \
			--port="$PGPORT" --user=function --json="$WORK/node.json"
		sed 's/^/  /' "$WORK/node.out"
		refused=$(governed refused)
		retried=$(json "$WORK/node.json" '{retried_served}')
		say "  refused by pg_governor: $refused; functions served after a retry of the library's own: $retried"
		say "$refused $retried" >>"$WORK/client"
		peer_stop
	done
	say ""
	must "logins refused, least of all rounds" "$(sort -n "$WORK/client" | head -n 1 | cut -d ' ' -f 1)" '>=' 1
	must "functions served after the library's own retry, least of all rounds" \
		"$(sort -n -k 2 "$WORK/client" | head -n 1 | cut -d ' ' -f 2)" '>=' 1
}

# All of a process's tasks, and its children from now on, on one processor.
pin() {
	taskset -a -c -p "$1" "$2" >/dev/null || fail "could not pin process $2"
}

# Warm invocations on one connection: the median of a batch, in us.  Usage: warm_batch NAME PORT
warm_batch() {
	rm -f "$WORK"/warm.*
	taskset -c 0 "$PG_BIN/pgbench" -n -c 1 -t "$WARM_INVOCATIONS" -f "$WORK/warm-up.sql" -h 127.0.0.1 -p "$2" -U function \
		--log --log-prefix="$WORK/warm" postgres >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed"
	}
	awk '{ print $3 }' "$WORK"/warm.* | median >>"$WORK/$1.warm"
}

# Percent more than the direct one, batch by batch.  Usage: warm_line NAME TITLE
warm_line() {
	say "  $2  $(spread %.1f <"$WORK/$1.warm") us; ratio to direct $(paste "$WORK/direct.warm" "$WORK/$1.warm" |
		awk '{ print $2 / $1 }' | spread %.3f)"
}

warm_workload() {
	local round name server_cpu=0 governed_port plain_port
	local -A ports

	begin_workload warm "Warm invocations, SELECT 1 on one connection: client on processor 0, servers and PgBouncer on the last."
	if [ -n "${SKIPPED[pgbouncer-transaction]:-}" ] || ! wants pgbouncer-transaction; then
		must "warm invocation latency p50, direct / PgBouncer" "" '<=' 0.8
		return 0
	fi
	server_cpu=$(($(processors) - 1))
	say "SELECT 1;" >"$WORK/warm-up.sql"
	peer_start bare
	plain_port=$PGPORT
	bouncer_start transaction 20
	pin "$server_cpu" "$(cluster_pid "$WORK/data")"
	pin "$server_cpu" "$(bouncer_pid)"

	# a second cluster: one data folder has one server
	cluster_init "$WORK/governed"
	cluster_configure "$WORK/governed" <<-CONF
		listen_addresses = '127.0.0.1'
		governor.mode = enforce
		shared_buffers = 256MB
		max_connections = $NARROW
		autovacuum = off
	CONF
	cluster_start "$WORK/governed"
	governed_port=$PGPORT
	sql -c "CREATE EXTENSION pg_governor" -c "CREATE ROLE function LOGIN"
	sql -c "INSERT INTO governor.rules (position, class, role) VALUES (0, 'function', 'function')"
	sql -c "SELECT governor.reload()" >/dev/null
	pin "$server_cpu" "$(cluster_pid "$WORK/governed")"

	ports=([direct]=$governed_port [again]=$governed_port [bouncer]=$BOUNCER_PORT [bare]=$plain_port)
	rm -f "$WORK"/*.warm
	for name in direct again bouncer bare; do
		warm_batch "first-$name" "${ports[$name]}"
	done
	for ((round = 0; round < WARM_ROUNDS; round++)); do
		for name in direct again bouncer bare; do
			warm_batch "$name" "${ports[$name]}"
		done
	done
	say "medians of $WARM_ROUNDS batches of $WARM_INVOCATIONS each, in turns"
	warm_line direct "pg_governor, direct        "
	warm_line again "the same again (control)   "
	warm_line bouncer "PgBouncer, transaction mode"
	warm_line bare "the server alone, direct   "
	say ""
	must "warm invocation latency p50, direct / PgBouncer" \
		"$(paste "$WORK/direct.warm" "$WORK/bouncer.warm" | awk '{ print $1 / $2 }' | median)" '<=' 0.8
	cluster_stop "$WORK/governed"
	peer_stop
}

# The timer inside the login hook, us a login, at so many sessions of the class.
# Usage: decision_batch SESSIONS
decision_batch() {
	local holder

	rm -f "$WORK/ready"
	"$FLEET" --quiet --dsn="$FUNCTION_DSN" --environments="$1" --arrival=200/s --hold --ready-file="$WORK/ready" &
	holder=$!
	HELPERS+=("$holder")
	wait_for_file "$WORK/ready" "$holder"
	sql -c "SELECT governor.reset_stats()" >/dev/null
	PGAPPNAME=faas:lambda:checkout:1:0123456789ab \
		"$PG_BIN/pgbench" -n -C -c 1 -t "$LOGINS" -f "$WORK/nothing.sql" -U function postgres >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed"
	}
	# the login that asks is counted too, one among thousands
	sql -c "SELECT round((extract(epoch FROM login_time) * 1e6 / logins)::numeric, 2) FROM governor.status" >>"$WORK/$1.decision"
	end_helpers
	wait_for_sql 60 "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'function'"
}

decision_workload() {
	local round few=10 many=$ENVIRONMENTS

	begin_workload decision "What a login spends in pg_governor's hook, at $few and at $many sessions of its class."
	rm -f "$WORK"/*.decision
	say "\\set nothing 1" >"$WORK/nothing.sql"
	peer_start governor
	if ! govern "max_sessions = $((ENVIRONMENTS + 200))" "connect_rate = NULL" "evict_after = '1 s'" \
		"queue_limit = 1000" "queue_timeout = '5 s'"; then
		say "measured without admission, which is not in this version: $(head -n 1 "$WORK/refused")"
	fi
	for ((round = 0; round < ROUNDS + 2; round++)); do
		decision_batch "$few"
		decision_batch "$many"
	done
	say "  at $few sessions:    $(spread %.1f <"$WORK/$few.decision") us"
	say "  at $many sessions:  $(spread %.1f <"$WORK/$many.decision") us"
	say ""
	must "cost of a login decision at $many sessions / at $few" \
		"$(ratio "$(median <"$WORK/$many.decision")" "$(median <"$WORK/$few.decision")")" '<=' 1.2
	peer_stop
}

#
# All together
#

ulimit -n "$(ulimit -Hn)"
bench_prepare storm perl
make_in "$WORK/src/bench/fleet" >"$WORK/fleet.log" 2>&1 || {
	show_tail "$WORK/fleet.log" >&2
	fail "building the fleet failed"
}
FLEET=$WORK/src/bench/fleet/fleet
RECORDS=$WORK/records
GOODPUT=$WORK/goodput
perl "$HERE/record.pl" --header >"$RECORDS"
say "workload,peer,setting,round,second,invocations_ok,app_ok" >"$GOODPUT"
on_exit end_helpers
on_exit bouncer_stop
peers_init
find_peers
for workload in "${WORKLOADS[@]}"; do
	"${workload}_workload"
done
end_workload
say "the whole took $SECONDS s"
