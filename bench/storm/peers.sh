# shellcheck shell=bash
#
# peers.sh
#	Those that a storm is let loose on: how each is set up, started, stopped.
#
# All use the same data folder, one after the other, each with its own lines of
# configuration.  peer_start leaves where to connect in
#
#	FUNCTION_DSN	where functions log in
#	APP_DSN			where the always-on service does
#	HUMAN_DSN		people, at the address of the functions
#	OWN_DSN			people, at an address of their own
#
#	bare					the server alone
#	expert					what an expert sets: a connection limit and an idle_session_timeout for the functions' role
#	pgbouncer-session		functions and people through PgBouncer; the service directly
#	pgbouncer-transaction	the same, in transaction mode
#	serverless				the server alone; functions use serverless-postgres
#	governor				pg_governor, with the thresholds that the workload gives
#	bare-wide, expert-wide	the first two at pg_governor's max_connections
#

BOUNCER_PORT=
export FUNCTION_DSN APP_DSN HUMAN_DSN OWN_DSN

# The peers' max_connections.
connections_of() {
	case $1 in
		governor | *-wide) say "$WIDE" ;;
		*) say "$NARROW" ;;
	esac
}

# Places of the functions' role: four fifths.  Usage: places_of PEER
places_of() {
	say $(($(connections_of "$1") * 4 / 5))
}

# Makes the one cluster: data, roles, the extension.
peers_init() {
	step "making the data"
	cluster_init "$WORK/data"
	cluster_configure "$WORK/data" <<-'CONF'
		# two sockets, each with its own accept queue
		listen_addresses = '127.0.0.1, 127.0.0.2'
		shared_buffers = 256MB
		autovacuum = off
		log_min_messages = fatal
		log_checkpoints = off
		include = 'peer.conf'
	CONF
	peer_configure governor
	cluster_start "$WORK/data"
	sql -c "CREATE EXTENSION pg_governor" -c "CREATE ROLE function LOGIN" -c "CREATE ROLE app LOGIN" \
		-c "CREATE ROLE human LOGIN" -c "CREATE ROLE plain LOGIN"
	"$PG_BIN/pgbench" -i -q -s "$SCALE" >"$WORK/pgbench.log" 2>&1 || {
		show_tail "$WORK/pgbench.log" >&2
		fail "pgbench could not make its tables"
	}
	sql -c "GRANT ALL ON pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history TO app"
	sed "s/ACCOUNTS/$((SCALE * 100000))/; s/TELLERS/$((SCALE * 10))/; s/BRANCHES/$SCALE/" \
		"$HERE/tpcb.sql" >"$WORK/tpcb.sql"
	cluster_stop "$WORK/data"
}

peer_configure() {
	{
		say "max_connections = $(connections_of "$1")"
		case $1 in
			governor) say "governor.mode = enforce" ;;
			*) say "shared_preload_libraries = ''" ;;
		esac
	} | run_as_server tee "$WORK/data/peer.conf" >/dev/null
}

# Usage: peer_start PEER
peer_start() {
	peer_configure "$1"
	cluster_start "$WORK/data"
	sql -c "TRUNCATE pgbench_history" -c "VACUUM pgbench_branches, pgbench_tellers, pgbench_accounts" \
		-c "ALTER ROLE function CONNECTION LIMIT -1" -c "ALTER ROLE function RESET ALL" -c "CHECKPOINT"
	FUNCTION_DSN="host=127.0.0.1 port=$PGPORT user=function dbname=postgres sslmode=disable"
	APP_DSN="host=127.0.0.1 port=$PGPORT user=app dbname=postgres sslmode=disable"
	HUMAN_DSN="host=127.0.0.1 port=$PGPORT user=human dbname=postgres sslmode=disable"
	OWN_DSN="host=127.0.0.2 port=$PGPORT user=human dbname=postgres sslmode=disable"
	case $1 in
		expert*)
			sql -c "ALTER ROLE function CONNECTION LIMIT $(places_of "$1")" \
				-c "ALTER ROLE function SET idle_session_timeout = '5s'"
			;;
		pgbouncer-session)
			bouncer_start session "$(places_of "$1")"
			;;
		pgbouncer-transaction)
			bouncer_start transaction 20
			;;
	esac
	if [ -n "$BOUNCER_PORT" ]; then
		FUNCTION_DSN=${FUNCTION_DSN/port=$PGPORT/port=$BOUNCER_PORT}
		HUMAN_DSN=${HUMAN_DSN/port=$PGPORT/port=$BOUNCER_PORT}
	fi
}

peer_stop() {
	bouncer_stop
	cluster_stop "$WORK/data"
}

# Thresholds of class function, the rest as shipped; false if this version does not
# have them, with its words in $WORK/refused.  Usage: govern SETTING...
govern() {
	local list

	printf -v list ', %s' "$@"
	sql -c "UPDATE governor.classes SET ${list:2} WHERE name = 'function'" 2>"$WORK/refused" || return 1
	sql -c "SELECT governor.reload()" >/dev/null
}

# Can this version admit?  Asked once, before anything is measured.
governor_admits() {
	local status=0

	peer_start governor
	sql >/dev/null 2>"$WORK/refused" <<-'SQL' || status=1
		BEGIN;
		UPDATE governor.classes SET connect_rate = '100/1s', evict_after = '300 ms', queue_limit = 500, queue_timeout = '7 s'
			WHERE name = 'function';
		ROLLBACK;
	SQL
	peer_stop
	return "$status"
}

# A counter of class function.  Usage: governed COLUMN
governed() {
	sql -c "SELECT $1 FROM governor.stat_classes WHERE class = 'function'"
}

#
# PgBouncer
#

# Usage: bouncer_start MODE POOL_SIZE
bouncer_start() {
	local tries

	BOUNCER_PORT=$(free_port)
	run_as_server tee "$WORK/bouncer.users" >/dev/null <<-'USERS'
		"function" ""
		"app" ""
		"human" ""
	USERS
	run_as_server tee "$WORK/bouncer.ini" >/dev/null <<-INI
		[databases]
		* = host=127.0.0.1 port=$PGPORT
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $BOUNCER_PORT
		listen_backlog = 4096
		unix_socket_dir =
		auth_type = trust
		auth_file = $WORK/bouncer.users
		pool_mode = $1
		default_pool_size = $2
		; clients that gave up while they waited are noticed only when it is their turn
		max_client_conn = $((ENVIRONMENTS * 10))
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
	for ((tries = 0; ; tries++)); do
		if sql -h 127.0.0.1 -p "$BOUNCER_PORT" -U function -c "SELECT 1" >/dev/null 2>&1; then
			break
		fi
		if [ "$tries" = 100 ]; then
			show_tail "$WORK/bouncer.log" >&2
			fail "PgBouncer does not let anybody in"
		fi
		sleep 0.1
	done
}

bouncer_pid() {
	local pid

	pid=$(cat "$WORK/bouncer.pid" 2>/dev/null) || return 1
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pgbouncer ] || return 1
	say "$pid"
}

bouncer_stop() {
	local pid

	BOUNCER_PORT=
	if pid=$(bouncer_pid); then
		kill -TERM "$pid"
		while bouncer_pid >/dev/null; do
			sleep 0.05
		done
	fi
	rm -f "$WORK/bouncer.pid"
}

#
# serverless-postgres
#

# Its packages, of the versions that package-lock.json names, in the work folder.
serverless_init() {
	mkdir "$WORK/node"
	cp "$HERE/package.json" "$HERE/package-lock.json" "$HERE/serverless.js" "$WORK/node"
	(cd "$WORK/node" && npm ci --ignore-scripts --no-audit --no-fund --cache "$WORK/npm") >"$WORK/npm.log" 2>&1
}
