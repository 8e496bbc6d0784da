#!/usr/bin/env bash
#
# check.sh - runs fleet against a throw-away server and checks what it tells.
#
#   PG_CONFIG=pg_config ./check.sh [PROGRAM [WRAPPER...]]
#
# PROGRAM is ./fleet unless given; a WRAPPER goes before it, for example
#   ./check.sh ./fleet valgrind -q --error-exitcode=99 --leak-check=full
# SMALL=1 leaves out the run with 2000 environments.  Prints TAP.

set -u

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-$here/fleet}")
[ $# -gt 0 ] && shift
wrapper=("$@")
bin=$("${PG_CONFIG:-pg_config}" --bindir)

count=0
failures=0

is()							# what, got, expected
{
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "#   got \"$2\", expected \"$3\""
		failures=$((failures + 1))
	fi
}

holds()							# what, SQL condition on numbers
{
	is "$1 ($2)" "$(sql "SELECT $2")" t
}

# ---------------------------------------------------------------- the server

# initdb and postgres refuse to run as root.
as_server()
{
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

work=$(mktemp -d "${TMPDIR:-/tmp}/fleet-check.XXXXXX")
[ "$(id -u)" = 0 ] && chown postgres "$work"
chmod 755 "$work"
data=$work/data

server()						# start | stop | restart, server options
{
	as_server "$bin/pg_ctl" -s -w -D "$data" -l "$work/log" -m fast -o "${2:-}" "$1"
}

pids=()

clean_up()
{
	local pid

	for pid in ${pids[@]+"${pids[@]}"}; do
		kill "$pid" 2>/dev/null
	done
	wait
	server stop >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

port=$((20000 + $$ % 10000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
	port=$((port + 1))
done

as_server "$bin/initdb" -N -A trust -U postgres -D "$data" >"$work/initdb.log" 2>&1 ||
	{ cat "$work/initdb.log"; exit 1; }
cat >>"$data/postgresql.conf" <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$work'
fsync = off
log_min_messages = debug1
log_line_prefix = '%a|'
CONF
server start || { cat "$work/log"; exit 1; }

export PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres PGDATABASE=postgres
unset PGAPPNAME PGOPTIONS

sql()
{
	psql -X -q -A -t -c "$1"
}

wait_until()					# command
{
	local i

	for ((i = 0; i < 300; i++)); do
		"$@" && return
		sleep 0.1
	done
	echo "# gave up waiting for: $*"
}

is_true()						# SQL condition
{
	[ "$(sql "SELECT $1")" = t ]
}

wait_for()						# SQL condition
{
	wait_until is_true "$1"
}

# ------------------------------------------------------------------ the fleet

run()							# options; sets status, and the rest below
{
	rm -f "$work/json"
	${wrapper[@]+"${wrapper[@]}"} "$program" --json="$work/json" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

start()							# options; in the background
{
	rm -f "$work/ready" "$work/json"
	${wrapper[@]+"${wrapper[@]}"} "$program" --json="$work/json" --ready-file="$work/ready" --quiet \
		"$@" 2>"$work/err" &
	started=$!
	pids=("$started")
}

start_held()					# options; returns when the population is there
{
	start --hold "$@"
	wait_until test -e "$work/ready"
}

end()							# signal; ends what was started, and sets status
{
	kill "-$1" "$started"
	wait "$started"
	status=$?
	pids=()
}

json()							# path, like '{waves,0,served}'
{
	sql "SELECT \$json\$$(cat "$work/json")\$json\$::json #>> '$1'"
}

code()							# path of a list of codes, code: its count, or 0
{
	sql "SELECT coalesce((SELECT sum((c ->> 'count')::int) FROM json_array_elements(
		\$json\$$(cat "$work/json")\$json\$::json #> '$1') c WHERE c ->> 'code' = '$2'), 0)"
}

# ---------------------------------------------------------------------- usage

run --help
is "help succeeds" $status 0
is "help is printed" "$(head -c 15 "$work/out")" "fleet simulates"
run --ending=idle=50
is "shares that do not add up are bad usage" $status 2
is "bad usage comes with a hint" "$(grep -c ^hint: "$work/err")" 1
run --function="$(printf 'x%.0s' {1..60})"
is "an identity that would be cut is bad usage" $status 2
run --statement='COPY t FROM STDIN'
is "COPY is bad usage" $status 2

# ---------------------------------------------------------------------- lives

for protocol in simple extended prepared; do
	run --environments=40 --invocations=3 --think=50 --protocol=$protocol \
		--statement='SELECT {1..5}' --transaction --series="$work/csv" --series-every=500ms \
		--ending=idle=40,transaction=20,die=20,quit=10,live=10
	is "$protocol: completes" $status 0
	is "$protocol: all are served" "$(json '{waves,0,served}')" 40
	is "$protocol: none failed" "$(json '{invocations,failed}')" 0
	is "$protocol: all reached their ending" "$(json '{waves,0,unfinished}')" 0
	is "$protocol: those frozen still have sessions" "$(json '{frozen_alive}')" 24
	is "$protocol: one login each" "$(json '{connects,attempts}')" 40
done
is "the series has its columns" "$(head -1 "$work/csv" | tr ',' '\n' | wc -l)" 20

run --environments=5 --ending=die=100 --function=vanish
wait_for "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'faas:%')"
is "dying sends no Terminate" \
	"$(grep -c '^faas:lambda:vanish.*unexpected EOF on client connection' "$work/log")" 5
run --environments=5 --ending=quit=100 --function=leave
is "quitting does" "$(grep -c '^faas:lambda:leave.*unexpected EOF' "$work/log")" 0

run --environments=3 --statement='SELECT 1/0'
is "an error fails the invocation" "$(code '{invocation_faults}' 22012)" 3
is "and is not retried" "$(json '{connects,attempts}')" 3

# ---------------------------------------------------------- frozen, and after

sql "CREATE TABLE t (a int); INSERT INTO t VALUES (0)"
start_held --environments=1 --seed=5 --ending=transaction=100 --statement='UPDATE t SET a = a + 1'
is "it froze in a transaction" \
	"$(sql "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'
			AND application_name ~ '^faas:lambda:checkout:1:[0-9a-f]{12}\$'")" 1
is "holding its locks" \
	"$(sql "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass
			AND mode = 'RowExclusiveLock'")" 1
name=$(sql "SELECT application_name FROM pg_stat_activity WHERE state = 'idle in transaction'")
run --environments=2 --seed=6 --give-up=500ms --ending=quit=100 --statement='UPDATE t SET a = a + 1'
is "who waits for them gives up" "$(code '{invocation_faults}' no_answer)" 2
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'" \
	>/dev/null
wait_for "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$name')"
end TERM
is "a signal ends the hold well" $status 0
is "the end of its session is found at the end" "$(code '{losses,frozen}' 57P01)" 1

start_held --environments=1 --seed=5 --ending=idle=100
is "the same seed gives the same names" \
	"$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = '$name'")" 1
end TERM

export PGOPTIONS='-c idle_session_timeout=300ms -c idle_in_transaction_session_timeout=300ms'
run --environments=10 --ending=idle=50,transaction=50 --thaw-after=1
is "thawed ones find their sessions dead" "$(json '{thaws,dead}')" 10
is "idle ones, and why" "$(code '{losses,at_thaw}' 57P05)" 5
is "those in a transaction, and why" "$(code '{losses,at_thaw}' 25P03)" 5
is "and they connect again" "$(json '{invocations,ok}')" 20
run --environments=4 --invocations=2 --think=1s
is "an end while awake and idle is seen" "$(code '{losses,resting}' 57P05)" 4
unset PGOPTIONS
run --environments=10 --ending=idle=50,transaction=50 --thaw-after=300ms
is "thawed ones find their sessions alive" "$(json '{thaws,alive}')" 10
is "and keep them" "$(json '{connects,attempts}')" 10

# ---------------------------------------------------------- those beside it

run --environments=0 --duration=1 --app-pool=2 --app-think=10 --human-login-interval=100
is "it runs without a fleet" $status 0
holds "the app worked" "$(json '{app,ok}') > 50"
holds "humans logged in" "$(json '{human,ok}') BETWEEN 8 AND 11"
is "nobody at a second address" "$(json '{human_2,ok}')" 0

run --environments=0 --duration=1 --human-login-interval=100 \
	--human-dsn="dbname=postgres" --human-dsn="dbname=nowhere"
holds "humans at two addresses: the first" "$(json '{human,ok}') BETWEEN 8 AND 11"
is "which never fails" "$(json '{human,failed}')" 0
is "the second does not log in" "$(json '{human_2,ok}')" 0
holds "and is told why" "$(code '{human_2_faults}' 3D000) BETWEEN 8 AND 11"
run --environments=1 --human-dsn=a --human-dsn=b --human-dsn=c
is "a third address is bad usage" $status 2

start_held --environments=0 --app-pool=2 --app-name=shop --app-think=10
wait_for "2 = (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop')"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shop'
	LIMIT 1" >/dev/null
wait_for "2 = (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop')"
end TERM
is "a lost app session is told" "$(grep -c 'app session . was lost.*57P01' "$work/err")" 1
is "and counted" "$(code '{app_sessions_lost}' 57P01)" 1
is "and replaced" "$(json '{app_sessions_open_at_end}')" 2

# ---------------------------------------------------------------- when it fails

run --environments=4 --dsn="dbname=nowhere" --give-up=1
holds "the SQLSTATE of a refused login" "$(code '{connects,faults}' 3D000) >= 4"
holds "which is tried again" "$(json '{connects,attempts}') > 4"
run --environments=4 --dsn="host=$work port=1" --give-up=500ms
is "no server there" "$(code '{invocation_faults}' unreachable)" 4
is "is an outcome, not an error" $status 0

start --environments=10 --duration=60 --think=20
wait_for "10 = (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'faas:%')"
end INT
is "an interrupted run fails" $status 1
is "an interrupted run says so" "$(json '{completed}')" false

# ----------------------------------------------------------------- the storm

server restart "-c max_connections=30"
run --environments=300 --invocations=2 --think=100 --give-up=3 --app-pool=5 --app-think=10 \
	--human-login-interval=200
is "a storm completes" $status 0
holds "some are served" "$(json '{waves,0,served}') BETWEEN 15 AND 25"
holds "the others are refused" "$(code '{connects,faults}' 53300) > 500"
is "every invocation has one outcome" \
	"$(sql "SELECT $(json '{invocations,ok}') + $(json '{invocations,failed}')")" 600
is "the app keeps its sessions" "$(json '{app_sessions_open_at_end}')" 5

if [ -z "${SMALL:-}" ]; then
	server restart "-c max_connections=2300"
	run --environments=2000 --invocations=3 --give-up=60
	is "2000 environments complete" $status 0
	is "all are served" "$(json '{waves,0,served}')" 2000
	is "and hold their sessions" "$(json '{frozen_alive}')" 2000
fi

echo "1..$count"
[ $failures -eq 0 ]
