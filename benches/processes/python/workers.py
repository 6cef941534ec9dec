"""Jobs of 128 bytes to a process worker and back, by EDRI for Python.

    python3 workers.py WINDOW COUNT     prints how many nanoseconds they took

It starts a process for each job: that is how its workers are.
"""

import os
import signal
import sys
import time

from edri import EDRI
from edri.abstract import ManagerBase, request, response as answer
from edri.abstract.worker import WorkerProcess
from edri.dataclass.event import Event, event
from edri.dataclass.response import Response, response


@response
class EchoResponse(Response):
    number: int
    text: str


@event
class Echo(Event):
    number: int
    text: str
    response: EchoResponse


class Echoing(WorkerProcess):
    def do(self):
        self.event.response.number = self.event.number
        self.event.response.text = self.event.text
        self.event_send(self.event)


class Echoer(ManagerBase):
    @request
    def echo(self, event: Echo):
        self.start_worker(event, Echoing)


class Asker(ManagerBase):
    """Asks, and counts what comes."""

    def __init__(self, window, count):
        super().__init__()
        self.window, self.count = window, count
        self.asked = self.answered = 0

    def after_start(self):
        super().after_start()
        # The other one is there.
        time.sleep(1)
        self.begun = time.perf_counter_ns()
        for _ in range(min(self.window, self.count)):
            self.ask()

    def ask(self):
        self.router_queue.put(Echo(number=self.asked, text="x" * 118))
        self.asked += 1

    @answer
    def answered_by(self, event: Echo):
        self.answered += 1
        if self.answered == self.count:
            print(time.perf_counter_ns() - self.begun, flush=True)
            os.kill(os.getppid(), signal.SIGTERM)
        elif self.asked < self.count:
            self.ask()


def main():
    window, count = (int(argument) for argument in sys.argv[1:])
    edri = EDRI()
    edri.add_component(Asker(window, count))
    edri.add_component(Echoer())
    edri.run()


if __name__ == "__main__":
    main()
