# Everything a machine with python3 (3.11 or newer), make and a package index needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install demo serve tools test screens bench faults faults-quick lint lock clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Make the virtual environment; the command is then .venv/bin/valet-dispatch.

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed")'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "python3 lacks venv: on Debian install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)  ## Start the server and replay an evening peak of real demand on it.
	$(BIN)/python -m loadtest.replay $(ARGS)

serve: $(INSTALLED)  ## Run the server on its embedded Redis and PostgreSQL.
	$(BIN)/valet-dispatch serve $(ARGS)

tools:  # What tests need beside Python: a voice, its encoders, a browser with Chinese characters, Node.
	@bash .ci/need ffmpeg ffmpeg espeak-ng espeak-ng chromium chromium fc-list fontconfig \
		"fc-list :lang=zh-cn" fonts-noto-cjk node nodejs \
		|| echo "the tests of voice notes and of the pages will fail" >&2

test: $(INSTALLED) tools  ## Run every test, on real Redis and PostgreSQL.
	$(BIN)/python -m pytest $(ARGS)

screens: $(INSTALLED) tools  ## Photograph every page for docs/screens.
	SCREENS=docs/screens $(BIN)/python -m pytest tests/console/test_screens.py $(ARGS)

bench: $(INSTALLED)  ## Measure every figure beside its floor, in under ten minutes, and write docs/benchmarks.md.
	$(BIN)/python -m loadtest.bench $(ARGS)

faults: $(INSTALLED)  ## Provoke faults on real processes for half an hour, and judge every promise.
	$(BIN)/python -m tests.faults $(ARGS)

faults-quick: $(INSTALLED)  ## The same in at most four minutes.
	$(BIN)/python -m tests.faults --quick $(ARGS)

lint: $(INSTALLED)  ## Style, types and layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

lock: $(INSTALLED)  ## Write the lock files anew from pyproject.toml.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras \
		pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml --output-file requirements-server.lock

clean:  ## Remove the virtual environment and the demo's data.
	rm -rf $(VENV) .demo-data
