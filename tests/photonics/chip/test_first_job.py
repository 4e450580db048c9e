"""What has to be compiled is compiled where an interrupt can end it."""

import threading

import pytest

from photonzero.photonics.chip import run as module


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_job_of_a_kind_is_done_by_the_caller(monkeypatch, threads):
    monkeypatch.setattr(module, "_begun", set())
    for expected in ([0], []):
        done = {}
        module._do(
            "kind", lambda job, done=done: done.update({job: threading.current_thread()}), range(6), threads
        )
        assert sorted(done) == list(range(6))
        here = [job for job, thread in done.items() if thread is threading.main_thread()]
        assert here == (list(range(6)) if threads == 1 else expected)
    module._do("nothing", None, [], threads)
    assert module._begun == {"kind"}


def test_an_interrupt_while_compiling_is_heard(monkeypatch):
    monkeypatch.setattr(module, "_begun", set())

    def interrupted(job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module._do("kind", interrupted, range(6), 2)
    # It is not compiled: the next call begins as this one did.
    assert module._begun == set()
