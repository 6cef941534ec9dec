"""Counts words. A worker of the example `commands`, as it could be written anywhere: a job in a line, its answer in a line."""

import json
import sys


def count(job):
    words = job["text"].split()
    if not words:
        raise ValueError("expected a text with a word in it")
    return {"words": len(words), "longest": max(words, key=len)}


# Whoever starts this waits for it to say that it is ready.
print(json.dumps({"ready": {}}), flush=True)

# The end of the input is the end of the worker.
for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"id": job["id"], "response": count(job["job"])}
    except ValueError as error:
        answer = {"id": job["id"], "failure": {"code": "no-words", "message": str(error)}}
    # What goes to stderr is told to the log of the program.
    print("counted", job["id"], file=sys.stderr)
    print(json.dumps(answer), flush=True)
