"""Prefetch: the same batches, made before they are asked for; nothing that ends or splits a process is held up."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Batches, Bucketed, ContiguousBatches, Prefetched
from ostinato.errors import ConfigError, DataError

SECONDS = 30
"""More than anything here takes on a busy machine; what hangs takes longer."""


class Watched:
    """Four batches an epoch; which were read, and by how many at once."""

    def __init__(self, broken=()):
        self.read, self.broken, self.together, self.most = [], broken, 0, 0
        self.more = threading.Condition()

    def __len__(self):
        return 4

    def batch(self, epoch, index):
        with self.more:
            self.together += 1
            self.most = max(self.most, self.together)
        try:
            if (epoch, index) in self.broken:
                raise DataError(f"row {epoch}:{index}: it is broken; mend it")
            return [(epoch, index)]
        finally:
            with self.more:
                self.together -= 1
                self.read.append((epoch, index))
                self.more.notify_all()

    def wait_for(self, count):
        with self.more:
            assert self.more.wait_for(lambda: len(self.read) >= count, SECONDS)


def threads():
    return [each for each in threading.enumerate() if each.name == "ostinato prefetch"]


@contextmanager
def none_left():
    yield
    assert not threads()


@given(
    walk=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 6)), max_size=6),
    ahead=st.integers(1, 9),
)
def test_any_walk_gives_the_same_batches(walk, ahead):
    watched = Watched()
    with none_left(), Prefetched(watched, list, ahead) as prefetched:
        batches: Batches = prefetched
        assert len(batches) == 4
        for epoch, index, steps in walk:
            for _ in range(steps):
                assert batches.batch(epoch, index) == [(epoch, index)]
                epoch, index = epoch + (index + 1) // 4, (index + 1) % 4
    assert watched.most <= 1


def test_the_batches_that_training_reads_are_the_same():
    lengths = np.random.default_rng(0).integers(1, 30, 100)
    for batches in (ContiguousBatches(np.arange(1000), 4, 7), Bucketed(list(range(100)), lengths, 8, 90, seed=1)):
        plain = [batches.batch(epoch, index) for epoch in range(2) for index in range(len(batches))]
        with Prefetched(batches, list) as prefetched:
            assert repr([prefetched.batch(e, i) for e in range(2) for i in range(len(batches))]) == repr(plain)


@pytest.mark.parametrize("ahead", [1, 3])
def test_as_many_as_asked_for_are_made_ahead_and_no_more(ahead):
    watched = Watched()
    with none_left(), Prefetched(watched, list, ahead) as batches:
        for taken in range(1, 7):
            batches.batch(*divmod(taken - 1, 4))
            watched.wait_for(taken + ahead)  # nobody has asked for these
            time.sleep(0.01)
            assert len(watched.read) == taken + ahead
    assert watched.read == [divmod(number, 4) for number in range(6 + ahead)]


def test_an_error_is_raised_where_the_batch_is_asked_for():
    watched = Watched(broken=[(0, 1), (0, 2)])
    with none_left(), Prefetched(watched, list) as batches:
        assert batches.batch(0, 0) == [(0, 0)]
        for index in (1, 1, 2, 1):
            with pytest.raises(DataError, match=f"row 0:{index}: it is broken"):
                batches.batch(0, index)
        assert batches.batch(0, 3) == [(0, 3)]

        def leave(examples):
            raise SystemExit(7)

        with pytest.raises(SystemExit, match="7"):
            Prefetched(watched, leave).batch(0, 0)
        gc.collect()


def test_the_thread_ends_with_its_reader():
    with none_left():
        batches = Prefetched(Watched(), list)
        batches.batch(0, 0)
        assert len(threads()) == 1
        batches.close()
        assert not threads()
        assert batches.batch(0, 1) == [(0, 1)]
        batches.circle = batches
        del batches
        gc.collect()


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"^prefetch: ahead is 0; make it at least 1"):
        Prefetched(Watched(), list, 0)
    batches = Prefetched(Watched(), list)
    for index in (-1, 4):
        with pytest.raises(IndexError):
            batches.batch(0, index)
    assert not threads()


SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
from ostinato.data import Prefetched

class Slow:
    def __init__(self, seconds, slow=()):
        self.seconds, self.slow = seconds, slow
    def __len__(self):
        return 50
    def batch(self, epoch, index):
        if (epoch, index) in self.slow:
            print("slow", flush=True)
        time.sleep(60 if (epoch, index) in self.slow else self.seconds)
        return np.arange(100_000) + epoch * 50 + index

def made(examples):
    return int(examples.sum())

WANTED = [made(np.arange(100_000) + number) for number in range(100)]
"""


def script(code, **options):
    return subprocess.Popen([sys.executable, "-c", SCRIPT + code], stdout=subprocess.PIPE, text=True, **options)


FORKING = """
batches = Prefetched(Slow(0.0005), made, 4)
for number in range(12):
    assert batches.batch(0, number) == WANTED[number]
    time.sleep(0.0007 * (number % 4))
    child = os.fork()
    if not child:
        signal.alarm(30)  # ends who waits for ever
        assert len(threading.enumerate()) == 1
        for next in range(number + 1, number + 9):
            assert batches.batch(*divmod(next, 50)) == WANTED[next]
        if number % 3 == 0:
            grandchild = os.fork()
            if not grandchild:
                assert batches.batch(1, 3) == WANTED[53]
                sys.exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 5
        if number % 2:
            batches.close()
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7, number
assert batches.batch(0, 12) == WANTED[12]
print("done")
"""


def test_a_forked_process_reads_on():
    process = script(FORKING)
    assert process.communicate(timeout=8 * SECONDS) == ("done\n", None)
    assert process.returncode == 0


INTERRUPTED = {
    "waiting for a batch": "Prefetched(Slow(0, [(0, 3)]), made)",
    "working while one is made": "Prefetched(Slow(0, [(0, 4)]), made)",
}


@pytest.mark.parametrize("when", INTERRUPTED)
@pytest.mark.parametrize("block", [True, False])
def test_an_interrupt_ends_it_at_once(when, block):
    read = "[batches.batch(0, number) for number in range(4)]; time.sleep(60)"
    code = f"with batches: {read}" if block else read
    process = script(f"batches = {INTERRUPTED[when]}\n{code}", stderr=subprocess.PIPE)
    assert process.stdout.readline() == "slow\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == -signal.SIGINT
    assert time.monotonic() - began < SECONDS / 2
    assert said.endswith("KeyboardInterrupt\n")
    assert "Fatal" not in said


def test_who_was_interrupted_may_ask_again():
    release = threading.Event()

    def make(examples):
        release.wait(SECONDS)
        return examples

    with none_left(), Prefetched(Watched(), make) as batches:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            batches.batch(0, 1)
        release.set()
        assert [batches.batch(0, index) for index in (1, 2, 3)] == [[(0, 1)], [(0, 2)], [(0, 3)]]


ENDING = """
import torch
batches = Prefetched(Slow(0), lambda examples: torch.from_numpy(examples).sin().sum(), 50)
batches.batch(0, 0)
print("done")
"""


def test_a_process_ends_in_peace_while_batches_are_made():
    process = script(ENDING, stderr=subprocess.PIPE)
    assert process.communicate(timeout=2 * SECONDS) == ("done\n", "")
    assert process.returncode == 0
