"""What holds for all tests."""

import os
import signal

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code; the suite as a whole is bounded instead.
settings.register_profile("runner", deadline=None)
settings.load_profile("runner")

# A shell that starts the suite in the background has some signals ignored, `nohup` another; so would every scheduler
# that is told to end by them.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Rehearsals are kept from one test to the next, and not from one day to the next."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")
