"""What all tests share."""

from hypothesis import settings

# A busy machine is slow at times; a test must not fail for it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
