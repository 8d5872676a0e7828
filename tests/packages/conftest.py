"""Fixtures for the tests of `make install`."""

from installed import built as built
from installed import prefix as prefix
from installed import project as project
