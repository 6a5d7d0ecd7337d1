# Everything from a fresh clone: needs git, make and some Python 3 with pip.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python 3 that runs here. Inside this folder a version manager may point `python3` at a
# version that is not installed, so each candidate is tried, not only found.
BOOT := $(shell for p in python3 python3.13 python3.12 python3.14 python3.11 /usr/bin/python3 python; do \
	$$p -c 'import sys, pip; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && { echo $$p; break; }; done)
UV := .tools/bin/uv
PY := .venv/bin/python
STAMP := .venv/.ready
PYTEST_WORKERS ?= 2

export UV_PYTHON_DOWNLOADS ?= automatic
# Trust what the system trusts, where it keeps a list: company networks have certificates of their own.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),true,false)
export OPENBLAS_NUM_THREADS ?= 1
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: help setup demo test lint docs web bench validation lock clean

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	@test -n "$(BOOT)" || { echo "no Python 3 with pip was found; install python3 and pip first"; exit 1; }
	@if $(BOOT) -m venv .tools >/dev/null 2>&1 && .tools/bin/python -m pip --version >/dev/null 2>&1; then \
		.tools/bin/python -m pip install --quiet --disable-pip-version-check uv; \
	else \
		rm -rf .tools; \
		$(BOOT) -m pip install --quiet --disable-pip-version-check --target .tools/lib uv; \
		mkdir -p .tools/bin && ln -sf ../lib/bin/uv $(UV); \
	fi
	@$(UV) --version

# `uv venv` uses the interpreter of .python-version when there is one, otherwise it fetches it, and
# if that is not possible any installed 3.12 or newer will do.
$(STAMP): $(UV) requirements-dev.lock pyproject.toml .python-version
	@$(UV) venv --quiet --allow-existing .venv \
		|| $(UV) venv --quiet --clear --python '>=3.12' .venv \
		|| { for p in $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.1[2-9]*/bin/python; do \
			[ -x "$$p" ] && $(UV) venv --quiet --clear --python "$$p" .venv && break; done; \
			test -x $(PY) || { echo "no Python 3.12 or newer was found or could be fetched"; exit 1; }; }
	$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements-dev.lock
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

setup: $(STAMP) ## Make .venv with the pinned packages and imscope

demo: setup ## Simulate a cohort, run the whole path, write demo-out/run/report.html
	.venv/bin/imscope demo --out demo-out

lint: setup ## Style, types and import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python tools/check_commits.py

docs: setup ## Build the documentation, warnings are errors
	.venv/bin/python tools/build_docs.py
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet --site-dir site

web: setup ## Rebuild the report's front end and compare it with the committed file
	@if [ ! -f tools/check_web.sh ]; then echo "web: SKIPPED, there is no front end yet"; \
	elif ! command -v npm >/dev/null; then echo "web: SKIPPED, npm is not installed"; \
	else bash tools/check_web.sh; fi

test: lint docs web ## Everything CI checks
	.venv/bin/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal

bench: setup ## Speed and memory, side by side with other programs
	@test -x benchmarks/.peers/bin/python || sh benchmarks/peers.sh .venv/bin/python
	.venv/bin/python benchmarks/run.py
	.venv/bin/python benchmarks/gates_peers.py

validation: setup ## Operating characteristics of the estimators on data with known truth
	@test -d validation || { echo "validation: there is no folder validation/ in this tree yet"; exit 1; }
	.venv/bin/python -m validation

lock: $(UV) ## Pin and hash all dependencies again
	$(UV) pip compile pyproject.toml --universal --generate-hashes --no-header --python-version 3.12 \
		--no-emit-index-url --no-annotate --quiet --output-file requirements.lock
	$(UV) pip compile pyproject.toml --group dev --all-extras --universal --generate-hashes --no-header \
		--python-version 3.12 --no-emit-index-url --no-annotate --quiet --output-file requirements-dev.lock
	@! grep -nE '://' requirements.lock requirements-dev.lock

clean: ## Remove everything that can be made again
	rm -rf .venv .tools site demo-out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
