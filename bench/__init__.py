"""One harness for what takes too long for a test: `python -m bench NAME --seed N --share 0.1`."""
