import os
import random
import re
import time
from contextlib import contextmanager

import psycopg

e = os.environ
NAME = "faas:lambda:{}:{}:{}".format(
    e["AWS_LAMBDA_FUNCTION_NAME"], e["AWS_LAMBDA_FUNCTION_VERSION"], e["AWS_LAMBDA_LOG_STREAM_NAME"][-12:])
kept = None  # the connection, from one invocation to the next


def connect(deadline):
    """Logs in until the deadline, a time of time.monotonic()."""
    while True:
        timeout = max(int(deadline - time.monotonic()), 2)  # whole seconds, two at least
        try:
            return psycopg.connect(application_name=NAME, connect_timeout=timeout, autocommit=True)
        except psycopg.OperationalError as error:
            # of a login that failed there is no SQLSTATE, but the whole text
            hint = re.search(r"Retry after (\d+) ms", str(error))
            if not hint and "too many clients" not in str(error):
                raise
            wait = (int(hint[1]) / 1000 if hint else 0.5) * random.uniform(1, 1.5)
            if time.monotonic() + wait >= deadline:
                raise
        time.sleep(wait)


def begin(deadline):
    """Begins a transaction on the kept connection or, where that has ended, on a new one."""
    global kept
    while True:
        kept = kept or connect(deadline)
        try:
            kept.execute("BEGIN")
            return kept
        except psycopg.OperationalError:
            kept = None  # it has ended at rest, and nothing has run
            if time.monotonic() >= deadline:
                raise


@contextmanager
def transaction(deadline):
    """with transaction(deadline) as conn: what the block does is committed at its end."""
    conn = begin(deadline)
    try:
        yield conn
        conn.commit()
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise
