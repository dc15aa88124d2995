# Two commands: `make demo` runs the whole system on this machine, `make test` runs all checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := infra/locks/requirements.txt

.PHONY: demo test browser check bench chaos docs clean lock

demo: $(VENV)/.installed
	$(BIN)/highlights demo

test: $(VENV)/.installed browser check
	$(BIN)/pytest

# The page is tested in a real browser: installed where it is missing and this user may; else its tests are skipped, and say so.
browser:
	@{ command -v chromium || command -v google-chrome; } >/dev/null && command -v chromedriver >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null 2>&1; } \
	|| echo "no Chromium, and none could be installed: the page's tests will be skipped"

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# This system and its peers side by side, with a picture, and freshness. Figures go to BENCH_OUT.
BENCH_VENV := .venv-bench
BENCH_LOCK := benchmarks/requirements.txt
BENCH_OUT ?= .highlights/bench
bench: $(VENV)/.installed $(BENCH_VENV)/.installed
	$(BIN)/python -m benchmarks.side_by_side --out $(BENCH_OUT)
	$(BENCH_VENV)/bin/python -m benchmarks.picture $(BENCH_OUT)/side_by_side.json
	$(BIN)/python -m benchmarks.freshness --out $(BENCH_OUT)

# A thousand drawn faults; CHAOS_SEED draws others. `make test` runs two hundred.
CHAOS_SEED ?= 1
chaos: $(VENV)/.installed
	$(BIN)/python -m pytest tests/chaos -s --chaos-faults 1000 --chaos-seed $(CHAOS_SEED)

# The reference out of the code, then the site, into site/. Nothing is fetched.
docs: $(VENV)/.installed
	$(BIN)/python -m docs.make_reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The environment: exactly the locked versions, checked by their hashes, and the project itself.
$(VENV)/.installed: pyproject.toml $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m streams.warm_up
	touch $@

# Peers' packages contradict ours, so they have an environment of their own.
$(BENCH_VENV)/.installed: $(BENCH_LOCK)
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(BENCH_LOCK)
	touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) .highlights .pytest_cache .mypy_cache .ruff_cache .hypothesis site build *.egg-info

# Resolve the dependencies anew, after a change of pyproject.toml.
lock:
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		--extra embedded --extra data --extra extraction --extra training --extra serving --extra tracing --extra docs --extra dev \
		--output-file $(LOCK) pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		--output-file $(BENCH_LOCK) benchmarks/requirements.in
