PYTHON ?= python3
BIN := .venv/bin
# Container images often set this variable. Python then writes no bytecode files, and a short command spends most of its time on imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup up down monitoring status logs check test lint format lock generate bench compose-up compose-down docs \
  test-unit test-rollout test-releases test-standing test-stacks test-cloud test-pods test-docker test-pipelines

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# After an upgrade of the system's Python, .venv can contain a link to an interpreter that no longer exists.
$(shell test -x $(BIN)/python || rm -f .venv/complete)

setup: .venv/complete  ## install the pinned Python packages into .venv

# `uv sync` would use the URLs in uv.lock. This export has only names and hashes, so packages come from the index that this machine's
# configuration of uv names.
.venv/complete: uv.lock pyproject.toml requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "error: Python %s is too old\n  fix: make PYTHON=python3.11 (or newer)" % sys.version.split()[0])'
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@echo "installing the Python packages (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-uv.txt
	@$(BIN)/uv export --quiet --frozen --no-emit-project --output-file .venv/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement .venv/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

up: setup  ## start the embedded cloud and apply the platform to it (STACK=staging or production: that stack, with its deploy role; PODS=real: pods are containers)
	@$(BIN)/python -m sandbox up $(if $(STACK),--stack $(STACK)) $(if $(PODS),--pods $(PODS))

down:  ## stop every process of `make up` and remove .sandbox/
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m sandbox down; elif [ -e .sandbox ]; then \
	  printf 'error: .venv has no Python, and Python must stop the processes of .sandbox\n  fix: make setup down\n'; exit 1; fi

monitoring: setup  ## start a real Prometheus and simulated load (after `make up`)
	@$(BIN)/python -m sandbox monitoring

status: setup  ## show what runs
	@$(BIN)/python -m sandbox status

logs: setup  ## print the last lines of every log
	@$(BIN)/python -m sandbox logs

# Programs and a file that `make check` needs. They are built before the tests start, because pytest would hide the progress.
UNIT_TOOLS := promtool amtool actionlint kube-score compose-spec.json

check: lint  ## before a push: lint, the fast tests, and the policies on every stack
	@$(BIN)/python -m sandbox tools $(UNIT_TOOLS) > /dev/null
	@$(BIN)/python -m pytest -n auto -m "not (cloud or docker or pipelines)"
	@./dwcp policy

TESTS := test-stacks test-cloud test-standing test-rollout test-releases test-unit test-docker test-pipelines

test: setup  ## run all tests except `make test-pods`, two groups at a time
	@$(BIN)/python -m sandbox tools > /dev/null
	@$(MAKE) --no-print-directory --keep-going --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) $(TESTS)

test-unit: setup
	@nice $(BIN)/python -m pytest -n auto -m "not (cloud or docker or pipelines)"

# Tests that share an embedded cloud are one group. The cloud stops after the group's last test.
test-rollout: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m live tests/delivery/rollout

test-releases: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m live --ignore tests/delivery/rollout

test-standing: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m standing

test-stacks: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m stacks

test-cloud: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m "cloud and not (live or standing or stacks or pods)"

test-pods: setup  ## test that no request is lost with real containers (as root on Debian; otherwise skipped)
	@$(BIN)/python -m pytest --durations 5 -m pods

test-docker: setup  ## test the Docker stack on a separate Docker engine (as root on Debian; otherwise skipped)
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m docker

test-pipelines: setup
	@$(BIN)/python -m pytest --durations 5 --reruns 1 -m pipelines

bench: setup  ## run the benchmarks and print a table of the results
	@$(BIN)/python -m bench

docs: setup  ## build the documentation site into site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean
	@echo "open site/index.html"

compose-up: setup  ## check the requirements of the Docker stack, then start it on this machine's Docker engine
	@$(BIN)/python -m delivery compose up

compose-down: setup  ## remove the Docker stack; its data stays
	@$(BIN)/python -m delivery compose down

lock: setup  ## pin the dependencies of pyproject.toml in uv.lock, then write all generated files, such as requirements.txt
	@$(BIN)/uv lock
	@$(BIN)/python -m tools

generate: setup  ## write all generated files, such as references, the compose file and requirements
	@$(BIN)/python -m tools

lint: setup  ## run ruff, basedpyright, codespell, lint-imports and zizmor, check the generated files, and scan for secrets
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/codespell
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools --check
	@$(BIN)/zizmor --offline --quiet .github
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

format: setup  ## fix and format the code with ruff
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
