#
# driver.py
#	Runs the recipe for psycopg, as driver.js does that for node-postgres.
#
import re
import sys
import time

import retry

for line in iter(sys.stdin.readline, ""):
    name, milliseconds = line.split()
    start = time.monotonic()
    try:
        with retry.transaction(start + int(milliseconds) / 1000) as conn:
            conn.execute("INSERT INTO done VALUES (%s)", (name,))
        answer, message = "ok", ""
    except Exception as error:
        answer, message = "failed", " " + re.sub(r"\s+", " ", str(error))
    print(f"{answer} {name} {int((time.monotonic() - start) * 1000)}{message}", flush=True)
