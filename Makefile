# Two commands: `make demo` runs the whole system on this machine, `make test` runs all checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := infra/locks/requirements.txt

.PHONY: demo test check bench clean lock

demo: $(VENV)/.installed
	$(BIN)/highlights demo

test: $(VENV)/.installed check
	$(BIN)/pytest

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.worker_rate
	$(BIN)/python -m benchmarks.agreement simulated

# The environment: exactly the locked versions, checked by their hashes, and the project itself.
$(VENV)/.installed: pyproject.toml $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m streams.warm_up
	touch $@

clean:
	rm -rf $(VENV) .highlights .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

# Resolve the dependencies anew, after a change of pyproject.toml.
lock:
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		--extra embedded --extra data --extra dev --output-file $(LOCK) pyproject.toml
