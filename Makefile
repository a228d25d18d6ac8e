# One word each. All but help, lock and clean call setup first; when nothing changed that takes a fraction of a second.
# make setup says what it installs where; everything that is not a Debian package stays under .local/.

PYTHON := .local/venv/bin/python
RUFF := .local/venv/bin/ruff
UV := .local/tools/bin/uv

.PHONY: help setup demo test check bench soak chaos lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## find what is missing and install it
	@deploy/setup

demo: setup ## watch a good release climb by evidence and bad ones be taken back, on real parts
	@$(PYTHON) -m controller.demo

test: setup ## run every test, in two processes: most of them wait
	@$(PYTHON) -m pytest -n 2 --dist loadgroup

check: setup ## lint, format, types, and which way imports point
	@$(RUFF) check .
	@$(RUFF) format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest tests/shape

bench: setup ## measure the way of an alert against its budget (`segue bench` has what a long history costs, and statistics)
	@$(PYTHON) -m tests.bench

soak: setup ## work for half an hour on each store, and see that memory and open files stay; MINUTES=5 for another length
	@$(PYTHON) -m tests.bench --only soak --minutes $(or $(MINUTES),30)

chaos: setup ## simulate crashes by the thousand, break real parts under load for 40 minutes, send what means ill to every reader, flood it with alerts
	@$(PYTHON) -m tests.simulation --schedules 10000
	@$(PYTHON) -m tests.simulation --every-step
	@$(PYTHON) -m tests.simulation --mutations
	@$(PYTHON) -m tests.chaos
	@$(PYTHON) -m tests.hostile
	@$(PYTHON) -m tests.flood

lock: setup ## choose the newest versions that pyproject.toml allows
	@$(UV) pip compile --all-extras --group dev --generate-hashes --no-emit-index-url --no-header --upgrade -q \
		--python $(PYTHON) pyproject.toml -o requirements.lock

clean: ## remove downloads, builds, data and logs
	rm -rf .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
