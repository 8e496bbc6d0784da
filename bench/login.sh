#!/usr/bin/env bash
#
# login.sh
#	What a login costs more with pg_governor: by the timer inside, by the CPU of
#	whole logins with and without it, and by instructions.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LOGINS=2000
ROUNDS=20
BATCH=500
OTHERS=1000
INSTRUCTIONS=yes

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench login [OPTION]...

		  --logins N          sequential logins in each of the timer's batches (default 2000)
		  --others N          idle sessions beside, in half of them (default 1000)
		  --rounds N          rounds of whole logins, a batch on each cluster (default 20)
		  --batch N           logins in each of these batches (default 500)
		  --no-instructions   do not count instructions, which takes valgrind
		  --help              this text
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--logins) LOGINS=$(number_of "$@"); shift 2 ;;
		--rounds) ROUNDS=$(number_of "$@"); shift 2 ;;
		--batch) BATCH=$(number_of "$@"); shift 2 ;;
		--others) OTHERS=$(number_of "$@"); shift 2 ;;
		--no-instructions) INSTRUCTIONS=no; shift ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done

declare -A PORT POSTMASTER

# Starts a cluster, with the library or without.  Usage: start NAME (governed|plain)
start() {
	cluster_init "$WORK/$1"
	{
		say "max_connections = $((OTHERS + 100))"
		say "autovacuum = off"
		say "log_min_messages = fatal"
		if [ "$2" = plain ]; then
			say "shared_preload_libraries = ''"
		else
			say "governor.mode = enforce"
		fi
	} | cluster_configure "$WORK/$1"
	cluster_start "$WORK/$1"
	PORT[$1]=$PGPORT
	POSTMASTER[$1]=$(cluster_pid "$WORK/$1")
	sql -c "CREATE ROLE app LOGIN" -c "CREATE ROLE sleeper LOGIN"
	if [ "$2" = governed ]; then
		# the shipped class, at a pace at which none of these logins has to wait
		sql -c "CREATE EXTENSION pg_governor" -c "UPDATE governor.classes SET connect_rate = '100000/1s' WHERE name = 'function'"
		sql -c "SELECT governor.reload()" >/dev/null
	fi
}

# What a login costs that waits is another figure.
nobody_waited() {
	[ "$(sql -p "${PORT[$1]}" -c "SELECT sum(queued) = 0 AND sum(admitted) > 0 FROM governor.stat_classes")" = t ] ||
		fail "logins had to wait"
}

# Sequential logins of a function, each of which logs out at once.
# Usage: log_in NAME NUMBER
log_in() {
	PGAPPNAME=faas:lambda:checkout:1:0123456789ab \
		"$PG_BIN/pgbench" -n -C -c 1 -t "$2" -f "$WORK/nothing.sql" -p "${PORT[$1]}" -U app postgres >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench failed"
	}
	# until the last one is reaped, its CPU is not in the postmaster's account
	while has_sessions "$1"; do
		sleep 0.02
	done
}

# The pids of a postmaster's children.
children_of() {
	cat "/proc/${POSTMASTER[$1]}/task/${POSTMASTER[$1]}/children"
}

# What ps shows of a process; nothing if it is gone.
title_of() {
	{ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || :
}

has_sessions() {
	local pid

	for pid in $(children_of "$1"); do
		case $(title_of "$pid") in
			*' app '*) return 0 ;;
		esac
	done
	return 1
}

# Microseconds of CPU that the postmaster, its finished children and the
# governor have used so far, and the children's page faults.
account() {
	local ticks faults governor=0 pid

	read -r ticks faults < <(awk '{ sub(/^.*\) /, ""); print $12 + $13 + $14 + $15, $9 }' "/proc/${POSTMASTER[$1]}/stat")
	for pid in $(children_of "$1"); do
		case $(title_of "$pid") in
			*'pg_governor governor'*) governor=$(cut -d ' ' -f 1 "/proc/$pid/schedstat") ;;
		esac
	done
	say "$((ticks * 1000000 / $(getconf CLK_TCK) + governor / 1000)) $faults"
}

# One batch: the CPU of a login in microseconds to NAME.us, its page faults to
# NAME.faults.  Usage: batch NAME
batch() {
	local before after

	before=$(account "$1")
	log_in "$1" "$BATCH"
	after=$(account "$1")
	say "$before $after" | awk -v n="$BATCH" '{ printf "%.1f\n", ($3 - $1) / n }' >>"$WORK/$1.us"
	say "$before $after" | awk -v n="$BATCH" '{ printf "%.1f\n", ($4 - $2) / n }' >>"$WORK/$1.faults"
}

# 250 rules of all kinds, of which only the last matches.
many_rules() {
	sql -p "${PORT[$1]}" <<-'SQL'
		SELECT format('CREATE ROLE team_%s NOLOGIN', i) FROM generate_series(1, 100) i \gexec
		GRANT team_1, team_2, team_3 TO app;
		UPDATE governor.rules SET enabled = false;
		INSERT INTO governor.rules (position, class, role, application_name)
			SELECT i, 'function', '+team_' || i, CASE WHEN i <= 3 THEN 'other%' END FROM generate_series(1, 100) i;
		INSERT INTO governor.rules (position, class, application_name)
			SELECT 100 + i, 'function', 'faas:%:report_' || i || ':%' FROM generate_series(1, 60) i;
		INSERT INTO governor.rules (position, class, client_addr)
			SELECT 160 + i, 'function', ('10.0.' || i || '.0/24')::cidr FROM generate_series(1, 40) i;
		INSERT INTO governor.rules (position, class, platform, function)
			SELECT 200 + i, 'function', 'lambda', 'report_' || i || '%' FROM generate_series(1, 47) i;
		INSERT INTO governor.rules (position, class, function) VALUES (900, 'function', 'check%');
	SQL
	sql -p "${PORT[$1]}" -c "SELECT governor.reload()" >/dev/null
}

# The timer inside, in microseconds a login: a line of three batches.
# Usage: timer NAME TITLE
timer() {
	local i

	for ((i = 0; i < 3; i++)); do
		sql -p "${PORT[$1]}" -c "SELECT governor.reset_stats()" >/dev/null
		log_in "$1" "$LOGINS"
		nobody_waited "$1"
		# the login that asks is counted too, one among thousands
		sql -p "${PORT[$1]}" -c "SELECT round((extract(epoch FROM login_time) * 1e6 / logins)::numeric, 1) FROM governor.status"
	done | sort -g | paste -s -d ' ' | sed "s/^/  $2   /"
}

#
# Whole logins
#

# Percent that each batch took more than the plain one of its round.
# Usage: compare NAME TITLE
compare() {
	paste "$WORK/plain.us" "$WORK/$1.us" | awk '{ print $2 - $1 }' >"$WORK/more"
	paste "$WORK/plain.us" "$WORK/$1.us" | awk '{ print 100 * ($2 / $1 - 1) }' >"$WORK/percent"
	say "  $2  $(spread %+.0f <"$WORK/more") us"
	say "  $(printf '%*s' ${#2} '')  $(spread %+.1f <"$WORK/percent") %"
}

#
# Instructions
#

# Instructions of a backend from PostgresMain on: one login and its logout, all
# but the fork and the reading of the startup packet.  The kernel's are not in
# it.  Leaves a line for each login in $WORK/NAME.instructions, and callgrind's
# files in $WORK/NAME.callgrind.  Usage: count_instructions NAME
count_instructions() {
	local data=$WORK/$1 out=$WORK/$1.callgrind pid tries file

	cluster_stop "$data"
	run_as_server mkdir "$out"
	run_as_server valgrind --tool=callgrind --toggle-collect=PostgresMain --callgrind-out-file="$out/%p" \
		--log-file="$out/log" "$PG_BIN/postgres" -D "$data" -p "${PORT[$1]}" >"$out/server.log" 2>&1 &
	pid=$!
	for ((tries = 0; ; tries++)); do
		if sql -p "${PORT[$1]}" -c "SELECT 1" >"$out/ready" 2>&1; then
			break
		fi
		if [ "$tries" = 300 ] || ! kill -0 "$pid" 2>/dev/null; then
			fail "the server does not start under valgrind"
		fi
		sleep 0.2
	done
	POSTMASTER[$1]=$(cluster_pid "$data")
	# the first ones build what later ones find
	log_in "$1" 3
	run_as_server find "$out" -name '[0-9]*' -delete
	log_in "$1" 10
	: >"$WORK/$1.instructions"
	for file in "$out"/[0-9]*; do
		sed -n 's/^totals: //p' "$file" >>"$WORK/$1.instructions"
	done
	cluster_stop "$data"
	wait "$pid" 2>/dev/null || :
}

instructions() {
	local name

	say "---- instructions of a backend from PostgresMain to its exit, by callgrind; the kernel's are not in it"
	for name in plain governed many; do
		count_instructions "$name"
	done
	say "  plain                            $(spread %.0f <"$WORK/plain.instructions")"
	for name in governed many; do
		say "  more than plain: $(printf '%-8s' "$name")        $(awk -v a="$(median <"$WORK/plain.instructions")" \
			-v b="$(median <"$WORK/$name.instructions")" 'BEGIN { printf "%d, %.2f %%", b - a, 100 * (b / a - 1) }')"
	done
	say ""
}

bench_prepare login
say "\\set nothing 1" >"$WORK/nothing.sql"
step "starting four clusters: two plain, one governed, one governed by many rules"
start plain plain
start control plain
start governed governed
start many governed
many_rules many
bench_results login
CLUSTERS=(plain control governed many)

say "---- the timer inside: login_time / logins of governor.status, in microseconds;"
say "     3 batches of $LOGINS sequential trust logins over a unix socket each"
for name in "${CLUSTERS[@]}"; do
	log_in "$name" 200
done
timer governed "  2 rules,    no other session"
timer many "250 rules,    no other session"
for name in governed many; do
	hold_sleepers "$OTHERS" --dsn="host=$PGHOST port=${PORT[$name]} dbname=postgres" --user=sleeper
	if [ "$name" = governed ]; then
		timer governed "  2 rules, $OTHERS other sessions"
	else
		timer many "250 rules, $OTHERS other sessions"
	fi
	[ "$(sql -p "${PORT[$name]}" -c "SELECT count(*) FROM governor.sessions WHERE usename = 'sleeper'")" = "$OTHERS" ] ||
		fail "the other sessions are gone"
	end_helpers
done
say ""

say "---- whole logins: the server's CPU, in microseconds a login; $ROUNDS rounds of $BATCH logins on each cluster"
for name in governed many; do
	PGPORT=${PORT[$name]} wait_for_sql 60 "SELECT count(*) = 0 FROM governor.sessions WHERE usename = 'sleeper'"
done
for name in "${CLUSTERS[@]}"; do
	rm -f "$WORK/$name.us" "$WORK/$name.faults"
done
printf '  %8s' "${CLUSTERS[@]}"
say ""
for ((i = 0; i < ROUNDS; i++)); do
	# everybody is first, second, ... equally often
	for ((j = 0; j < ${#CLUSTERS[@]}; j++)); do
		name=${CLUSTERS[$(((i + j) % ${#CLUSTERS[@]}))]}
		batch "$name"
	done
	for name in "${CLUSTERS[@]}"; do
		printf '  %8s' "$(tail -n 1 "$WORK/$name.us")"
	done
	say ""
done
nobody_waited governed
nobody_waited many
say "  plain                             $(spread %.0f <"$WORK/plain.us") us"
say "  page faults of a login: plain $(median <"$WORK/plain.faults"), control $(median <"$WORK/control.faults")," \
	"governed by 2 rules $(median <"$WORK/governed.faults"), by 250 rules $(median <"$WORK/many.faults")"
compare control "more than plain: control, plain too"
compare governed "more than plain: governed,   2 rules"
compare many "more than plain: governed, 250 rules"
say ""

if [ "$INSTRUCTIONS" = yes ]; then
	need valgrind
	instructions
fi
