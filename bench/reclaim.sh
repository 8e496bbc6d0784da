#!/usr/bin/env bash
#
# reclaim.sh
#	Asks sessions to end at every moment of very short statements and rests, by
#	every transport and protocol, proves that nothing that began was cut, and
#	compares with SIGTERM.
#
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

REQUESTS=1000000
SIGNALS=5000

usage() {
	cat <<-'USAGE'
		Usage: scripts/bench reclaim [OPTION]...

		  --requests N   answered requests in all (default 1000000): nine tenths by
		                 governor.reclaim(), a twentieth each with and by timeouts
		  --signals N    SIGTERMs sent in each run of the comparison (default 5000)
		  --help         this text
	USAGE
}

while [ $# -gt 0 ]; do
	case $1 in
		--requests) REQUESTS=$(number_of "$@"); shift 2 ;;
		--signals) SIGNALS=$(number_of "$@"); shift 2 ;;
		--help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done

# How the sessions connect, as far as this machine and server can.
TRANSPORTS=()

add_transports() {
	TRANSPORTS=("--transport=unix:host=$PGHOST" "--transport=ipv4:host=127.0.0.1 sslmode=disable")
	if [ "$IPV6" = yes ]; then
		TRANSPORTS+=("--transport=ipv6:host=::1 sslmode=disable")
	else
		say "skipped - IPv6: this machine has no ::1"
	fi
	if [ "$TLS" = yes ]; then
		TRANSPORTS+=("--transport=tls:host=127.0.0.1 sslmode=require")
	else
		say "skipped - TLS: the server was built without it, or openssl is not here"
	fi
}

# A certificate that nobody has to trust.
make_certificate() {
	run_as_server openssl req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-subj /CN=localhost -out "$WORK/server.crt" -keyout "$WORK/server.key" 2>"$WORK/openssl.log" &&
		run_as_server chmod 600 "$WORK/server.key"
}

# Lines of postgresql.conf for what there is.
transport_settings() {
	if [ "$IPV6" = yes ]; then
		say "listen_addresses = '127.0.0.1, ::1'"
	fi
	if [ "$TLS" = yes ]; then
		say "ssl = on"
		say "ssl_cert_file = '$WORK/server.crt'"
		say "ssl_key_file = '$WORK/server.key'"
	fi
}

# Sessions that were ended, by what the server's log says that they were doing:
# the command tag that ps shows, the SQLSTATE, and whether a STATEMENT line
# follows, which is there exactly if a statement was running.
summarise_log() {
	awk -F'|' '
		/\|FATAL: / { tag = $2; code = $3; key = tag " " code; ends[key]++; last[$1] = key }
		/\|STATEMENT: / { if ($1 in last) { running[last[$1]]++; delete last[$1] } }
		END { for (key in ends) printf "    ps said \"%s\": %d, of them with a statement running: %d\n", key, ends[key], running[key] }
	' "$1" | sort
}

# The table of transports and protocols, with a column from the server's log:
# sessions that were ended with a statement running.  Usage: with_log LOG OUTPUT
with_log() {
	awk '
		FNR == NR {
			split($0, field, "|")
			if ($0 ~ /\|FATAL: /) last[field[1]] = field[4]
			else if ($0 ~ /\|STATEMENT: / && field[1] in last) { running[last[field[1]]]++; delete last[field[1]] }
			next
		}
		/^transport +protocol / { table = 1; sub(/  role$/, sprintf("  %8s", "executor")); print; next }
		/^$/ { table = 0 }
		table && match($0, /  hammer_[a-z0-9_]*/) {
			role = substr($0, RSTART + 2, RLENGTH - 2)
			print substr($0, 1, RSTART - 1) sprintf("  %8d", running[role]) substr($0, RSTART + RLENGTH)
			next
		}
		{ print }
	' "$1" "$2"
}

# Sessions that were ended with a statement running.  Usage: in_executor LOG
in_executor() {
	awk -F'|' '
		/\|FATAL: / { last[$1] = 1 }
		/\|STATEMENT: / && ($1 in last) { running++; delete last[$1] }
		END { print running + 0 }
	' "$1"
}

# Usage: run_hammer TITLE OPTION...
run_hammer() {
	local log=$WORK/data.log size status=0

	size=$(stat -c %s "$log")
	say "---- $1"
	"$HAMMER" --dsn="host=$PGHOST" "${TRANSPORTS[@]}" "${@:2}" >"$WORK/part.out" || status=$?
	tail -c +$((size + 1)) "$log" >"$WORK/part.log"
	with_log "$WORK/part.log" "$WORK/part.out"
	say "  FATALs in the server log (what ps showed, SQLSTATE):"
	summarise_log "$WORK/part.log"
	say ""
	case " $* " in
		*' --expect-clean '*) [ "$(in_executor "$WORK/part.log")" = 0 ] || status=1 ;;
	esac
	if [ "$status" != 0 ]; then
		FAILURES=$((FAILURES + 1))
		say "FAILED"
	fi
}

FAILURES=0
bench_prepare reclaim
IPV6=no
TLS=no
[ ! -e /proc/net/if_inet6 ] || ! grep -q '^0\{31\}1 ' /proc/net/if_inet6 || IPV6=yes
if [[ $("$PG_CONFIG" --configure) =~ --with-(openssl|ssl=openssl) ]] && command -v openssl >/dev/null && make_certificate; then
	TLS=yes
fi
bench_cluster data < <(
	say "max_connections = 300"
	say "shared_preload_libraries = 'pg_governor, plpgsql'" # sessions log in all the time, and many use it
	say "governor.sweep_interval = 50ms"
	say "autovacuum = off"
	say "log_line_prefix = '[%p]|%i|%e|%u|'"
	transport_settings
)
bench_results reclaim
add_transports

run_hammer "governor.reclaim() in a tight loop" \
	--requests=$((REQUESTS - 2 * (REQUESTS / 20))) --sessions=1 --rest=0.2 --askers=4 --give-up=7200 --expect-clean
run_hammer "governor.reclaim() and the governor's own timeouts, both at once" \
	--requests=$((REQUESTS / 20)) --idle-timeout=1 --idle-in-transaction-timeout=1 --rest=20 --overlap --expect-clean
run_hammer "the governor's own timeouts alone" \
	--requests=$((REQUESTS / 20)) --ask=nobody --idle-timeout=1 --idle-in-transaction-timeout=1 --rest=5 --expect-clean
run_hammer "for comparison: SIGTERM to those that pg_stat_activity says are idle, one query" \
	--requests="$SIGNALS" --ask=terminate
run_hammer "for comparison: SIGTERM, one query lists the idle ones, the next ends them" \
	--requests="$SIGNALS" --ask=terminate-list

[ "$FAILURES" = 0 ] || fail "$FAILURES runs were not clean"
say "took $SECONDS s"
