#!/usr/bin/env bash
#
# gate.sh
#	What the gate does to throughput and latency where many clients work at once,
#	beside PostgreSQL alone and PgBouncer; what it costs where it is never full;
#	and how long the unluckiest waits.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
HERE=$TREE/bench/gate

ALL_PARTS=(throughput ungated tickets fairness pair)
ALL_WORKLOADS=(hot tpcb select)
ALL_VARIANTS=(off gate pgbouncer)

PARTS=()
WORKLOADS=()
VARIANTS=()
CLIENTS=()
ROUNDS=3
RUN_SECONDS=4
WARM_UP=2					# seconds of each run that are not counted
SCALE=20
FSYNC=on
declare -A LIMIT=([hot]=16 [tpcb]=8 [select]=16)	# the best fixed ones on two processors
COST_ROUNDS=60
BATCH=500
COUNTED=5000				# transactions whose instructions are counted
COUNT=yes
FAIR_CLIENTS=256
FAIR_SECONDS=10
PAIR_CLIENTS=(8 32)
RESULT=gate

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench gate [OPTION]... [PART]...

		  throughput   updates of one of ten hot rows, TPC-B, and select only, by 1 to 512 clients:
		               PostgreSQL alone, the gate at a fixed limit, PgBouncer with as large a pool
		  ungated      the server's CPU and instructions for a transaction that finds a ticket free
		  tickets      nanoseconds of a ticket, for one session alone and for many at once
		  fairness     equal clients on hot rows: the longest wait, and the mean
		  pair         updates of two of the ten rows in any order, which deadlock

		Without a PART all of them, in about 24 minutes; --small in about three.

		  --rounds N         rounds, each with every variant (default 3)
		  --seconds N        of a run (default 4)
		  --clients N        only so many (may be repeated): 1, 8, 64, 256, 512
		  --workload NAME    only this one (may be repeated): hot, tpcb, select
		  --variant NAME     only this one (may be repeated): off, gate, pgbouncer
		  --limit NAME=N     max_active, and PgBouncer's pool, of a workload (default hot=16, tpcb=8, select=16)
		  --scale N          of pgbench's tables (default 20)
		  --no-fsync         do not wait for the disk
		  --no-instructions  do not count instructions, which takes valgrind
		  --small            a quick look: 1 round of 2 s, 8 and 256 clients
		  --help             this text

		Installs pgbouncer and valgrind where they are missing.
	USAGE
}

small() {
	ROUNDS=1 RUN_SECONDS=2 WARM_UP=1 CLIENTS=(8 256) COST_ROUNDS=12 COUNTED=1000 FAIR_SECONDS=3 PAIR_CLIENTS=(8)
	RESULT=gate-small
}

# One of a list, the value of an option.  Usage: VARIABLE=$(one_of OPTION VALUE NAME...)
one_of() {
	[[ -n "${2:-}" && " ${*:3} " = *" $2 "* ]] || fail "$1 takes one of ${*:3}"
	say "$2"
}

set_limit() {
	[[ "${1:-}" =~ ^(hot|tpcb|select)=[1-9][0-9]*$ ]] || fail "--limit takes a workload and a number, as hot=8"
	LIMIT[${1%=*}]=${1#*=}
}

while [ $# -gt 0 ]; do
	case $1 in
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--seconds) RUN_SECONDS=$(number_of "$@"); shift 2 ;;
		--clients) CLIENTS+=("$(number_of "$@")"); shift 2 ;;
		--workload) WORKLOADS+=("$(one_of "$1" "${2:-}" "${ALL_WORKLOADS[@]}")"); shift 2 ;;
		--variant) VARIANTS+=("$(one_of "$1" "${2:-}" "${ALL_VARIANTS[@]}")"); shift 2 ;;
		--limit) set_limit "${2:-}"; shift 2 ;;
		--scale) SCALE=$(number_of "$@"); shift 2 ;;
		--no-fsync) FSYNC=off; shift ;;
		--no-instructions) COUNT=no; shift ;;
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
[ ${#WORKLOADS[@]} -gt 0 ] || WORKLOADS=("${ALL_WORKLOADS[@]}")
[ ${#VARIANTS[@]} -gt 0 ] || VARIANTS=("${ALL_VARIANTS[@]}")
[ ${#CLIENTS[@]} -gt 0 ] || CLIENTS=(1 8 64 256 512)

# Is a part, a workload or a variant of a list?  Usage: has NAME LIST...
has() {
	[[ " ${*:2} " = *" $1 "* ]]
}

#
# Two clusters with the same data, one of them with the library, and PgBouncer before the other one
#

declare -A PORT
BOUNCER_PORT=

# Usage: start NAME
start() {
	local most=512 n

	for n in "${CLIENTS[@]}" "$FAIR_CLIENTS"; do
		[ "$n" -le "$most" ] || most=$n
	done
	step "making the data of cluster $1"
	cluster_init "$WORK/$1"
	cluster_configure "$WORK/$1" <<-CONF
		governor.mode = enforce
		max_connections = $((most + 30))
		shared_buffers = 512MB
		fsync = $FSYNC
		autovacuum = off
		checkpoint_timeout = 1h
		max_wal_size = 8GB
		log_min_messages = fatal
		log_checkpoints = off
	CONF
	[ "$1" = governed ] || cluster_configure "$WORK/$1" <<<"shared_preload_libraries = ''"
	cluster_start "$WORK/$1"
	PORT[$1]=$PGPORT
	sql -c "CREATE ROLE app LOGIN" -c "CREATE TABLE hot (id int PRIMARY KEY, n int)" \
		-c "INSERT INTO hot SELECT i, 0 FROM generate_series(1, 10) i" -c "GRANT ALL ON hot TO app"
	"$PG_BIN/pgbench" -i -q -s "$SCALE" >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench could not make its tables"
	}
	sql -c "GRANT ALL ON pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history TO app"
}

# A class for each workload, and one that is never full.
make_classes() {
	sql -p "${PORT[governed]}" <<-SQL
		CREATE EXTENSION pg_governor;
		INSERT INTO governor.classes (name, max_active, gate_timeout) VALUES
			('hot', ${LIMIT[hot]}, '1 h'), ('tpcb', ${LIMIT[tpcb]}, '1 h'), ('select', ${LIMIT[select]}, '1 h'),
			('wide', 1000, '1 h'), ('free', NULL, '1 h');
		INSERT INTO governor.rules (position, class, application_name)
			SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped;
	SQL
	sql -p "${PORT[governed]}" -c "SELECT governor.reload()" >/dev/null
}

# A pool for each workload is a database of PgBouncer's own.
start_bouncer() {
	local tries

	BOUNCER_PORT=$(free_port)
	run_as_server tee "$WORK/bouncer.users" >/dev/null <<<'"app" ""'
	run_as_server tee "$WORK/bouncer.ini" >/dev/null <<-INI
		[databases]
		hot = host=$WORK port=${PORT[plain]} dbname=postgres pool_size=${LIMIT[hot]}
		tpcb = host=$WORK port=${PORT[plain]} dbname=postgres pool_size=${LIMIT[tpcb]}
		select = host=$WORK port=${PORT[plain]} dbname=postgres pool_size=${LIMIT[select]}
		[pgbouncer]
		listen_addr =
		listen_port = $BOUNCER_PORT
		unix_socket_dir = $WORK
		listen_backlog = 4096
		auth_type = trust
		auth_file = $WORK/bouncer.users
		pool_mode = transaction
		max_client_conn = 2000
		logfile = $WORK/bouncer.log
		pidfile = $WORK/bouncer.pid
		log_connections = 0
		log_disconnections = 0
		log_pooler_errors = 0
	INI
	# stepping down to another user sets the usual limit of open files again
	# shellcheck disable=SC2016
	if ! run_as_server bash -c 'ulimit -n "$(ulimit -Hn)" && exec pgbouncer -q -d "$1"' - "$WORK/bouncer.ini" \
		>"$WORK/bouncer.start" 2>&1; then
		show_tail "$WORK/bouncer.start" >&2
		fail "PgBouncer did not start"
	fi
	on_exit stop_bouncer
	for ((tries = 0; ; tries++)); do
		if sql -p "$BOUNCER_PORT" -U app -d hot -c "SELECT 1" >/dev/null 2>&1; then
			break
		fi
		if [ "$tries" = 100 ]; then
			show_tail "$WORK/bouncer.log" >&2
			fail "PgBouncer does not let anybody in"
		fi
		sleep 0.1
	done
}

stop_bouncer() {
	local pid

	pid=$(cat "$WORK/bouncer.pid" 2>/dev/null) || return 0
	if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pgbouncer ]; then
		kill -TERM "$pid"
		while [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pgbouncer ]; do
			sleep 0.05
		done
	fi
	rm -f "$WORK/bouncer.pid"
}

#
# A run
#

# Where a variant's clients log in.  Usage: dsn_of VARIANT WORKLOAD
dsn_of() {
	case $1 in
		off) say "host=$WORK port=${PORT[plain]} dbname=postgres user=app" ;;
		pgbouncer) say "host=$WORK port=$BOUNCER_PORT dbname=$2 user=app" ;;
		gate) say "host=$WORK port=${PORT[governed]} dbname=postgres user=app application_name=$2" ;;
	esac
}

cluster_of() {
	case $1 in
		gate) say governed ;;
		*) say plain ;;
	esac
}

# Makes the tables as they were, so that every run begins with the same.  Usage: tidy CLUSTER WORKLOAD
tidy() {
	case $2 in
		hot | pair) sql -p "${PORT[$1]}" -c "VACUUM hot" ;;
		tpcb)
			sql -p "${PORT[$1]}" -c "TRUNCATE pgbench_history" -c "VACUUM pgbench_branches, pgbench_tellers" \
				-c "VACUUM pgbench_accounts" -c "CHECKPOINT"
			;;
	esac
}

# Threads of pgbench: one that looks at hundreds of connections would spend its time on that.
jobs_for() {
	say $((($1 + 15) / 16))
}

# The pgbench of a workload; its report is in $WORK/report, and the log of its transactions in $WORK/log.*.
# Usage: bench_run WORKLOAD CLIENTS SECONDS DSN
bench_run() {
	local jobs script=(-f "$WORK/$1.sql")

	jobs=$(jobs_for "$2")
	[ "$1" != tpcb ] || script=(-b tpcb-like -s "$SCALE")
	[ "$1" != select ] || script=(-b select-only -s "$SCALE")
	rm -f "$WORK"/log.*
	run "$WORK/report" "$PG_BIN/pgbench" -n -c "$2" -j "$jobs" -T "$3" "${script[@]}" \
		-l --log-prefix="$WORK/log" "$4" 2>"$WORK/pgbench.log" || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed"
	}
}

# Usage: record WORKLOAD CLIENTS VARIANT ROUND
record() {
	tidy "$(cluster_of "$3")" "$1"
	# connecting is a part of pgbench's time
	bench_run "$1" "$2" $((RUN_SECONDS + WARM_UP + $2 / 256)) "$(dsn_of "$3" "$1")"
	perl "$HERE/record.pl" "$WARM_UP" "$1" "$2" "$3" "$4" "$WORK/report" "$WORK"/log.* >>"$RECORDS"
}

# A column of the records.  Usage: figure WORKLOAD CLIENTS VARIANT COLUMN [OTHER]
figure() {
	perl "$HERE/table.pl" "$RECORDS" "$@"
}

# The variants that are there, beginning with another one in each round.  Usage: variants_of ROUND
variants_of() {
	local by=$((($1 - 1) % ${#VARIANTS[@]}))

	printf '%s\n' "${VARIANTS[@]:by}" "${VARIANTS[@]:0:by}"
}

#
# Throughput
#

throughput_part() {
	local round workload clients variant

	say "---- throughput: $ROUNDS rounds of $RUN_SECONDS s after $WARM_UP s that are not counted, the variants in turns; fsync $FSYNC;"
	say "     clients and servers on the same processors, over unix sockets; pgbench's default protocol (simple). Latencies are the clients': the time"
	say "     in a queue is in them. off: PostgreSQL without the library; gate: max_active, pgbouncer: pool_size,"
	say "     in transaction mode: hot ${LIMIT[hot]}, tpcb ${LIMIT[tpcb]} (scale $SCALE), select ${LIMIT[select]}"
	for ((round = 1; round <= ROUNDS; round++)); do
		for workload in "${WORKLOADS[@]}"; do
			for clients in "${CLIENTS[@]}"; do
				for variant in $(variants_of "$round"); do
					record "$workload" "$clients" "$variant" "$round"
				done
			done
		done
	done
	for workload in "${WORKLOADS[@]}"; do
		say ""
		say "$workload: medians (extremes) of the rounds"
		perl "$HERE/table.pl" "$RECORDS" "$workload"
	done
	say ""
	must "hot rows, 256 clients, gate / PostgreSQL alone" "$(figure hot 256 gate tps off)" '>=' 3
	must "hot rows, 512 clients, gate / PostgreSQL alone" "$(figure hot 512 gate tps off)" '>=' 4
	must "TPC-B, 256 clients, gate / PostgreSQL alone" "$(figure tpcb 256 gate tps off)" '>=' 1.7
	must "TPC-B, 512 clients, gate / PostgreSQL alone" "$(figure tpcb 512 gate tps off)" '>=' 3
	say ""
	cp "$RECORDS" "$RESULTS/$RESULT.csv"
	perl "$HERE/chart.pl" "$RECORDS" >"$RESULTS/$RESULT.svg"
}

#
# Never full
#

# Where new backends run, and the server itself.  Usage: pin PROCESSORS
pin() {
	taskset -a -c -p "$1" "$(cluster_pid "$WORK/governed")" >/dev/null || fail "could not pin the server"
}

# How much more a statement takes than the one without a gate in its round: 3 the CPU, 4 the wait.
# Usage: more NAME COLUMN KIND
more() {
	awk -v name="$1-$3" -v base="free-$3" -v column="$2" '
		$2 == base { one[$1] = $column }
		$2 == name { it[$1] = $column }
		END { for (round in it) printf "%.4f\n", it[round] - one[round] }' "$WORK/cost"
}

# Usage: cost_of NAME COLUMN
cost_of() {
	awk -v name="$1" -v column="$2" '$2 == name { print $column }' "$WORK/cost"
}

# One process of cost after the other, each with new sessions, so that no session's place in memory decides.
ungated_part() {
	local kind pass base passes=6 sets=()
	local -A statement=(
		[nothing]="SELECT 1"
		[select]="SELECT abalance FROM pgbench_accounts WHERE aid = 4711"
		[update]="UPDATE hot SET n = n + 1 WHERE id = 1 RETURNING n"
	)
	local name class dsn="host=$WORK port=${PORT[governed]} dbname=postgres user=app"

	say "---- ungated: the backend's CPU for a prepared statement in a class with a gate that is never full (wide), beside"
	say "     a class without a gate (free), and another session of that class as the control; in turns, $((COST_ROUNDS / passes * passes)) rounds of"
	say "     $BATCH each, new sessions after each $((COST_ROUNDS / passes)); client and server on processors of their own"
	pin "$(($(processors) - 1))"
	for name in free:free control:free wide:wide; do
		class=${name#*:} name=${name%:*}
		sets+=("--dsn=$dsn application_name=$class")
		for kind in nothing select update; do
			sets+=("--statement=$name-$kind::${statement[$kind]}")
		done
	done
	: >"$WORK/cost"
	for ((pass = 0; pass < passes; pass++)); do
		sql -p "${PORT[governed]}" -c "VACUUM hot"
		run "$WORK/cost.pass" taskset -c 0 "$COST" --rounds=$((COST_ROUNDS / passes)) --batch="$BATCH" "${sets[@]}"
		awk -v first=$((pass * COST_ROUNDS)) '{ $1 += first; print }' "$WORK/cost.pass" >>"$WORK/cost"
	done
	pin "0-$(($(processors) - 1))"
	for kind in nothing select update; do
		base=$(cost_of "free-$kind" 3 | median)
		say "  ${statement[$kind]}"
		say "    without a gate                $(cost_of "free-$kind" 3 | spread %.2f) us"
		say "    more in the control           $(more control 3 "$kind" | spread %+.2f) us"
		say "    more with a gate, never full  $(more wide 3 "$kind" | spread %+.2f) us"
		must "    CPU of $kind with a gate that is never full, us more (1 us, or 1 %)" "$(more wide 3 "$kind" | median)" \
			'<=' "$(awk -v base="$base" 'BEGIN { one = base / 100; printf "%.2f", (one > 1 ? one : 1) }')"
	done
	say ""
	if [ "$COUNT" = yes ]; then
		count_part
	fi
}

# Waits until the server has no processes but its own.
wait_for_backends() {
	local pid tries

	pid=$(cluster_pid "$WORK/governed")
	for ((tries = 0; $(wc -w <"/proc/$pid/task/$pid/children") > OWN; tries++)); do
		[ "$tries" -lt 600 ] || fail "sessions do not end under valgrind"
		sleep 0.1
	done
}

# The instructions of a backend that runs so many transactions and ends.  Usage: count CLASS TRANSACTIONS
count() {
	local file

	wait_for_backends
	run_as_server find "$WORK/callgrind" -name '[0-9]*' -delete
	PGPORT=${PORT[governed]} "$PG_BIN/pgbench" -n -M prepared -b select-only -s "$SCALE" -c 1 -t "$2" \
		"host=$WORK port=${PORT[governed]} dbname=postgres user=app application_name=$1" >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed under valgrind"
	}
	# callgrind writes when a process ends
	wait_for_backends
	# pgbench looks at its tables in a session of its own first
	for file in "$WORK/callgrind"/[0-9]*; do
		sed -n 's/^totals: //p' "$file"
	done | largest
}

smallest() {
	sort -g | head -n 1
}

largest() {
	sort -g | tail -n 1
}

# Instructions of a transaction: of so many, less those of a tenth of them, by the difference.
# Usage: instructions_of CLASS
instructions_of() {
	local many few

	many=$(count "$1" "$COUNTED")
	few=$(count "$1" $((COUNTED / 10)))
	awk -v m="$many" -v f="$few" -v n="$COUNTED" 'BEGIN { printf "%.1f\n", (m - f) / (n - n / 10) }'
}

count_part() {
	local pid tries out=$WORK/callgrind free wide control

	say "  instructions of the backend for a transaction of select only, by callgrind; the kernel's are not in it"
	cluster_stop "$WORK/governed"
	run_as_server mkdir -p "$out"
	run_as_server valgrind --tool=callgrind --callgrind-out-file="$out/%p" --log-file="$out/log" \
		"$PG_BIN/postgres" -D "$WORK/governed" -p "${PORT[governed]}" >"$out/server.log" 2>&1 &
	pid=$!
	for ((tries = 0; ; tries++)); do
		if sql -p "${PORT[governed]}" -c "SELECT 1" >"$out/ready" 2>&1; then
			break
		fi
		if [ "$tries" = 600 ] || ! kill -0 "$pid" 2>/dev/null; then
			fail "the server does not start under valgrind"
		fi
		sleep 0.2
	done
	OWN=$(sql -p "${PORT[governed]}" -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'parallel worker')")
	# the first ones build what later ones find
	count free 50 >/dev/null
	free=$(instructions_of free)
	control=$(instructions_of free)
	wide=$(instructions_of wide)
	cluster_stop "$WORK/governed"
	wait "$pid" 2>/dev/null || :
	cluster_start "$WORK/governed"
	PORT[governed]=$PGPORT
	say "    without a gate $free, again $control; with a gate that is never full $wide"
	must "    instructions with a gate that is never full, percent more" \
		"$(awk -v a="$free" -v b="$wide" 'BEGIN { printf "%.2f", 100 * (b / a - 1) }')" '<=' 1
	say ""
}

#
# Tickets
#

# So many sessions of a class that do next to nothing at once: the CPU of each for a transaction, us.
# Usage: busy FILE CLASS SESSIONS
busy() {
	local i pids=() pid

	for ((i = 0; i < $3; i++)); do
		"$COST" --rounds=3 --batch="$BATCH" --statement="nothing::SELECT 1" \
			--dsn="host=$WORK port=${PORT[governed]} dbname=postgres user=app application_name=$2" \
			--statement="nothing::SELECT 1" >"$WORK/busy.$i" &
		pids+=("$!")
		HELPERS+=("$!")
	done
	for pid in "${pids[@]}"; do
		finish "$pid"
	done
	cat "$WORK"/busy.* | awk '{ sum += $3 } END { printf "%.4f\n", sum / NR }' >>"$1"
	rm -f "$WORK"/busy.*
}

# Nanoseconds more than without a gate, round by round.  Usage: nanoseconds_more NAME
nanoseconds_more() {
	paste "$WORK/$1.ticket" "$WORK/free.ticket" | awk '{ printf "%.0f\n", ($1 - $2) * 1000 }'
}

tickets_part() {
	local sessions round name

	say "---- tickets: the CPU of a backend for a prepared SELECT 1, in a class with a gate that is never full, beside one"
	say "     without a gate, and that again as the control; all sessions at once, in turns, $((ROUNDS * 5)) rounds"
	for sessions in 1 2 $(($(processors) * 4)); do
		rm -f "$WORK"/*.ticket
		for ((round = 0; round < ROUNDS * 5; round++)); do
			for name in free wide control; do
				busy "$WORK/$name.ticket" "${name/control/free}" "$sessions"
			done
		done
		say "  $sessions at once"
		say "    without a gate           $(spread %.2f <"$WORK/free.ticket") us"
		say "    more in the control      $(nanoseconds_more control | spread %+.0f) ns"
		say "    taking and giving back   $(nanoseconds_more wide | spread %+.0f) ns"
	done
	say ""
}

#
# Fairness
#

fairness_part() {
	local round variant waits=$WORK/waits pid

	say "---- fairness: $FAIR_CLIENTS equal clients update one of ten hot rows for $FAIR_SECONDS s, $ROUNDS rounds; the longest latency"
	say "     of a transaction (its wait, and its run), beside the mean wait of those that waited, by governor.stat_classes"
	rm -f "$waits"
	for ((round = 1; round <= ROUNDS; round++)); do
		for variant in off gate; do
			tidy "$(cluster_of "$variant")" hot
			# counters begin where the records do
			(
				sleep $((WARM_UP + 1))
				exec "$PG_BIN/psql" -X -q -p "${PORT[governed]}" -c "SELECT governor.reset_stats()" >/dev/null
			) &
			pid=$!
			HELPERS+=("$pid")
			bench_run hot "$FAIR_CLIENTS" $((FAIR_SECONDS + WARM_UP)) "$(dsn_of "$variant" hot)"
			finish "$pid"
			perl "$HERE/record.pl" "$WARM_UP" fair "$FAIR_CLIENTS" "$variant" "$round" "$WORK/report" "$WORK"/log.* >>"$RECORDS"
			[ "$variant" = off ] || sql -p "${PORT[governed]}" -c "SELECT round(extract(epoch FROM gate_time) * 1000 / gate_waits, 3)
				FROM governor.stat_classes WHERE class = 'hot' AND gate_waits > 0" >>"$waits"
		done
	done
	for variant in off gate; do
		say "  $variant: mean $(figure fair "$FAIR_CLIENTS" "$variant" mean) ms, p99 $(figure fair "$FAIR_CLIENTS" "$variant" p99) ms," \
			"the longest $(figure fair "$FAIR_CLIENTS" "$variant" longest) ms; transactions of a client" \
			"$(rounds_of fair "$variant" least_of_a_client | smallest) to $(rounds_of fair "$variant" most_of_a_client | largest)"
	done
	say "  gate: mean wait of those that waited $(spread %.1f <"$waits") ms"
	say ""
	must "longest latency at the gate / mean wait, median of the rounds" \
		"$(paste <(rounds_of fair gate longest) "$waits" | awk '{ printf "%.2f\n", $1 / $2 }' | median)" '<=' 3
	say ""
}

# A column of the records, a line for each round.  Usage: rounds_of WORKLOAD VARIANT COLUMN
rounds_of() {
	awk -F, -v workload="$1" -v variant="$2" -v name="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == workload && $3 == variant { print $at[name] }' "$RECORDS"
}

#
# Pairs
#

# Deadlocks so far.  Usage: deadlocks CLUSTER
deadlocks() {
	sql -p "${PORT[$1]}" -c "SELECT pg_stat_force_next_flush()" -c "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'" |
		tail -n 1
}

pair_part() {
	local clients variant before jobs cluster

	say "---- pair: two of the ten rows in any order, so transactions deadlock, and are tried again; a curiosity: what the gate"
	say "     does here is to have fewer of them meet"
	for clients in "${PAIR_CLIENTS[@]}"; do
		for variant in off gate; do
			cluster=$(cluster_of "$variant")
			tidy "$cluster" pair
			before=$(deadlocks "$cluster")
			jobs=$(jobs_for "$clients")
			run "$WORK/report" "$PG_BIN/pgbench" -n -c "$clients" -j "$jobs" -T "$RUN_SECONDS" -f "$WORK/pair.sql" --max-tries=1000 \
				"$(dsn_of "$variant" hot)" 2>"$WORK/pgbench.log" || {
				show_tail "$WORK/pgbench.log" >&2
				fail "pgbench failed"
			}
			# what ended a moment ago is counted a moment later
			sleep 1
			say "  $(printf '%3d clients, %-4s' "$clients" "$variant")  $(sed -n 's/^tps = \([0-9]*\).*/\1/p' "$WORK/report") tps," \
				"$(($(deadlocks "$cluster") - before)) deadlocks"
		done
	done
	say ""
}

#
# All together
#

ulimit -n "$(ulimit -Hn)"
PATH=$PATH:/usr/sbin:/sbin
bench_prepare gate perl
make_in "$WORK/src/bench/breaker" cost >"$WORK/breaker.log" 2>&1 || {
	show_tail "$WORK/breaker.log" >&2
	fail "building the client failed"
}
COST=$WORK/src/bench/breaker/cost
if has throughput "${PARTS[@]}" && has pgbouncer "${VARIANTS[@]}" && ! (need pgbouncer); then
	warn "skipped: PgBouncer is not to be had"
	mapfile -t VARIANTS < <(printf '%s\n' "${VARIANTS[@]}" | grep -vx pgbouncer)
fi
if has ungated "${PARTS[@]}" && [ "$COUNT" = yes ] && ! (need valgrind); then
	warn "skipped: valgrind is not to be had, so instructions are not counted"
	COUNT=no
fi

RECORDS=$WORK/records
perl "$HERE/record.pl" --header >"$RECORDS"
say "UPDATE hot SET n = n + 1 WHERE id = :id;" | cat <(say '\set id random(1, 10)') - >"$WORK/hot.sql"
cat >"$WORK/pair.sql" <<-'SQL'
	\set one random(1, 10)
	\set other random(1, 10)
	BEGIN;
	UPDATE hot SET n = n + 1 WHERE id = :one;
	UPDATE hot SET n = n + 1 WHERE id = :other;
	COMMIT;
SQL
on_exit end_helpers
start plain
start governed
make_classes
if has throughput "${PARTS[@]}" && has pgbouncer "${VARIANTS[@]}"; then
	start_bouncer
fi
bench_results "$RESULT"
for part in "${PARTS[@]}"; do
	"${part}_part"
done
say "took $SECONDS s"
