# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo   creates .venv, installs, and draws the maps of a picture in assets/
#   make test   creates .venv, installs, and passes the tests

PYTHON ?= python3
PICTURE ?= assets/chelsea.png
BIN = .venv/bin

.PHONY: demo test check

demo: .venv/models
	$(BIN)/vitmap $(PICTURE)

test: .venv/dev
	scripts/test

check: .venv/dev
	scripts/check

.venv/models: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[models]'
	touch $@

.venv/dev: .venv/models
	$(BIN)/python -m pip install --quiet --editable '.[timm,soart]' --group dev
	touch $@
