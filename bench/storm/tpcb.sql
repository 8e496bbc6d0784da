BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + {1..5000} WHERE aid = {1..ACCOUNTS};
SELECT abalance FROM pgbench_accounts WHERE aid = {1..ACCOUNTS};
UPDATE pgbench_tellers SET tbalance = tbalance + {1..5000} WHERE tid = {1..TELLERS};
UPDATE pgbench_branches SET bbalance = bbalance + {1..5000} WHERE bid = {1..BRANCHES};
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)
	VALUES ({1..TELLERS}, {1..BRANCHES}, {1..ACCOUNTS}, {1..5000}, CURRENT_TIMESTAMP);
COMMIT;
