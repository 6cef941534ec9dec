"""Puts words in order, the most frequent first: a worker in another language, with the standard library alone."""

import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    if "job" not in message:
        continue
    job = message["job"]
    ranked = sorted(job["counts"].items(), key=lambda item: (-item[1], item[0]))
    print(json.dumps({"id": message["id"], "response": ranked[: job["top"]]}), flush=True)
