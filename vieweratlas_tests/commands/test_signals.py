"""Commands that run until they are interrupted: signals set the event, and handlers are restored."""

import os
import signal

import pytest

from vieweratlas_assets.commands.signals import until_signalled

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_event_and_ends_nothing(number: signal.Signals) -> None:
    with until_signalled() as ended:
        assert not ended.is_set()
        os.kill(os.getpid(), number)
        assert ended.wait(10)


def end_in_an_error() -> None:
    with until_signalled():
        _ = 1 / 0


def test_handlers_are_restored_also_after_an_error() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError):
        end_in_an_error()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with until_signalled():
        assert not set(before) & {signal.getsignal(number) for number in SIGNALS}
    assert [signal.getsignal(number) for number in SIGNALS] == before
