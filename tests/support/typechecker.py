"""The run-time type checker of the tests: signatures hold for every call that a test makes."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as Python has it
