"""What holds for all tests."""

from hypothesis import settings

# How long an example takes says more of the machine than of the code; the suite as a whole is bounded instead.
settings.register_profile("runner", deadline=None)
settings.load_profile("runner")
