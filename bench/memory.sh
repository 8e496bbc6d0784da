#!/usr/bin/env bash
#
# memory.sh
#	What a login that waits takes of memory, and a session at rest, by what it
#	has done; with pg_governor and without.
#
# What one more of them takes is what is private to its process, and its page
# tables.  The rest that ps shows is shared memory and code, which are there once.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SESSIONS=100

# Statements that some of the sessions have run, and the tables in each.
STATEMENTS=20
JOINED=5

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench memory [OPTION]...

		  --sessions N   processes that are measured at once (default 100)
		  --help         this text
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--sessions) SESSIONS=$(number_of "$@"); shift 2 ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done

# A certificate that nobody has to trust; false if there can be none.
make_certificate() {
	[[ $("$PG_CONFIG" --configure) =~ --with-(openssl|ssl=openssl) ]] && command -v openssl >/dev/null &&
		run_as_server openssl req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
			-subj /CN=localhost -out "$WORK/server.crt" -keyout "$WORK/server.key" 2>"$WORK/openssl.log" &&
		run_as_server chmod 600 "$WORK/server.key"
}

# Clusters with the same data.  Usage: start NAME (plain|governed)
start() {
	cluster_init "$WORK/$1"
	{
		say "listen_addresses = '127.0.0.1'"
		say "max_connections = $((2 * SESSIONS + 100))"
		say "shared_buffers = 512MB"
		say "huge_pages = off"
		say "autovacuum = off"
		say "max_parallel_workers_per_gather = 0"
		if [ "$TLS" = yes ]; then
			say "ssl = on"
			say "ssl_cert_file = '$WORK/server.crt'"
			say "ssl_key_file = '$WORK/server.key'"
		fi
		if [ "$2" = plain ]; then
			say "shared_preload_libraries = ''"
		else
			say "governor.mode = enforce"
		fi
	} | cluster_configure "$WORK/$1"
	cluster_start "$WORK/$1"
	sql -c "CREATE ROLE function LOGIN" -c "GRANT pg_read_all_data, pg_write_all_data TO function"
	"$PG_BIN/pgbench" -i -q -s 5 >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench could not make its tables"
	}
	sql -c "DO \$\$ BEGIN FOR i IN 1 .. $((STATEMENTS * JOINED)) LOOP
			EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text UNIQUE, at timestamptz DEFAULT now())', i);
		END LOOP; END \$\$"
	if [ "$2" = governed ]; then
		sql -c "CREATE EXTENSION pg_governor" -o /dev/null -c "
			UPDATE governor.classes SET max_sessions = $SESSIONS, queue_limit = $SESSIONS, queue_timeout = '10 min', idle_timeout = NULL
				WHERE name = 'function'" -c "SELECT governor.reload()"
	fi
}

# Environments that log in, do something and freeze.  Usage: freeze OPTION_OF_FLEET...
freeze() {
	on_exit end_helpers
	rm -f "$WORK/ready"
	"$WORK/src/bench/fleet/fleet" --dsn="host=127.0.0.1 port=$PGPORT user=function dbname=postgres sslmode=$SSLMODE" \
		--environments="$SESSIONS" --arrival=50/s --give-up=600 --hold --ready-file="$WORK/ready" --quiet "$@" &
	HELPERS+=("$!")
}

await_frozen() {
	until [ -e "$WORK/ready" ]; do
		kill -0 "${HELPERS[-1]}" 2>/dev/null || fail "the fleet has ended"
		sleep 0.1
	done
	wait_for_sql 60 "SELECT count(*) = $SESSIONS FROM pg_stat_activity WHERE usename = 'function' AND state = 'idle'"
}

# Medians of processes in kilobytes: private, page tables, both, and what ps
# would say.  Usage: measure TITLE QUERY_FOR_PIDS
measure() {
	local pids pid files=() column=() i

	mapfile -t pids < <(sql -c "$2")
	[ ${#pids[@]} -eq "$SESSIONS" ] || fail "$1: there are ${#pids[@]} processes"
	for pid in "${pids[@]}"; do
		files+=("/proc/$pid/smaps_rollup" "/proc/$pid/status")
	done
	# shellcheck disable=SC2016	# awk expands it
	run_as_server awk '
		/^Private_(Clean|Dirty):/ { private += $2 }
		/^Rss:/ { rss = $2 }
		/^Pss:/ { pss = $2 }
		/^VmPTE:/ { print private, $2, private + $2, pss, rss; private = 0 }' "${files[@]}" >"$WORK/sizes"
	for i in 1 2 3 4 5; do
		column+=("$(awk -v i="$i" '{ print $i }' "$WORK/sizes" | median)")
	done
	printf '  %-44s %8.0f %8.0f %8.0f %8.0f %8.0f\n' "$1" "${column[@]}"
}

# Usage: at_rest TITLE OPTION_OF_FLEET...
at_rest() {
	freeze "${@:2}"
	await_frozen
	measure "$1" "SELECT pid FROM pg_stat_activity WHERE usename = 'function' AND state = 'idle'"
	end_helpers
	wait_for_sql 60 "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'function'"
}

# Usage: waiting TITLE
waiting() {
	sql -o /dev/null -c "UPDATE governor.classes SET paused = true WHERE name = 'function'" -c "SELECT governor.reload()"
	freeze
	wait_for_sql 60 "SELECT queued = $SESSIONS FROM governor.admission WHERE class = 'function'"
	measure "$1" "SELECT pid FROM governor.sessions WHERE waiting = 'admission'"
	end_helpers
	wait_for_sql 60 "SELECT queued = 0 FROM governor.admission WHERE class = 'function'"
	sql -o /dev/null -c "UPDATE governor.classes SET paused = false WHERE name = 'function'" -c "SELECT governor.reload()"
}

sessions() {
	at_rest "at rest after SELECT 1" --statement="SELECT 1"
	at_rest "after five statements on four tables (TPC-B)" --statement="@$WORK/tpcb.sql"
	at_rest "after reading 65 MB" --statement="SELECT count(*) FROM pgbench_accounts"
	at_rest "after $STATEMENTS joins of $JOINED tables, none twice" --statement="@$WORK/joins.sql"
	at_rest "the same as prepared statements" --statement="@$WORK/joins.sql" --protocol=prepared
}

over_tls() {
	SSLMODE=require
	[ "$1" = plain ] || waiting "a login that waits, over TLS"
	at_rest "at rest after SELECT 1, over TLS" --statement="SELECT 1"
	SSLMODE=disable
}

bench_prepare memory
make_in "$WORK/src/bench/fleet" -j"$(processors)" >"$WORK/fleet.log" 2>&1 || {
	show_tail "$WORK/fleet.log" >&2
	fail "building the fleet failed"
}
sed "s/ACCOUNTS/500000/; s/TELLERS/50/; s/BRANCHES/5/" "$TREE/bench/storm/tpcb.sql" >"$WORK/tpcb.sql"
for ((i = 1; i <= STATEMENTS * JOINED; i += JOINED)); do
	printf 'SELECT * FROM t%d' "$i"
	for ((j = i + 1; j < i + JOINED; j++)); do
		printf ' JOIN t%d USING (id)' "$j"
	done
	say " WHERE t$i.name = 'x';"
done >"$WORK/joins.sql"
TLS=no
SSLMODE=disable
! make_certificate || TLS=yes
bench_results memory
say "kilobytes of a process, medians of $SESSIONS; shared_buffers 512MB, huge_pages off, over TCP"
say ""
printf '  %-44s %8s %8s %8s %8s %8s\n' '' private tables both Pss Rss
for kind in plain governed; do
	start "$kind" "$kind"
	say "---- $kind"
	[ "$kind" = plain ] || waiting "a login that waits"
	sessions
	if [ "$TLS" = yes ]; then
		over_tls "$kind"
	else
		say "skipped - TLS: the server was built without it, or openssl is not here"
	fi
	cluster_stop "$WORK/$kind"
done
