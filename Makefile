# Two commands do everything on a fresh clone: `make chat` opens the app, `make test` checks it.
# Both make .venv first; a stamp file lets the next run start at once.
# Needs: python3 >= 3.11 with venv, make. On Debian: apt-get install python3 python3-venv make git

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: chat test format checksums clean

chat: $(VENV)/.installed-chat
	@$(BIN)/chatapp

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/pytest --numprocesses 2 --dist loadfile

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# `chatapp doctor` holds the shipped models to this list; run this after changing one.
checksums:
	cd data/models && find . -type f ! -name 'SHA256SUMS*' -exec sha256sum {} + \
	  | LC_ALL=C sort -k 2 > SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS

clean:
	rm -rf $(VENV)

# torch comes first and alone: pip then takes the build that this machine is set up for (a CPU
# build where one is offered) and the project's own requirement is already met.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'chatapp needs Python 3.11 or newer; $(PYTHON) is older or missing.' >&2; \
	  echo '  fix: install it, or name one: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo 'This Python cannot make virtual environments.' >&2; \
	  echo '  fix: on Debian or Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) 'torch>=2.11,<2.14'
	@touch $@

$(VENV)/.installed-chat: $(VENV)/.torch pyproject.toml
	$(PIP) --editable .
	@$(BIN)/python -m chatapp.inference.native
	@touch $@

$(VENV)/.installed-test: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed-chat
