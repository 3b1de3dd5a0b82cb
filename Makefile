# Every job of the project; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export PYTHONHASHSEED := 0
export DVC_NO_ANALYTICS := 1
export HF_HUB_DISABLE_TELEMETRY := 1
# Without bytecode on disk each stage would spend 14 s more on importing lerobot.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DONE := .venv/.setup-done
DVC := PATH="$(CURDIR)/$(BIN):$$PATH" dvc
UV_VERSION := 0.13.9

# Sets `uv`. A pyenv shim of that name can exist and fail, so a candidate counts only when it runs.
FIND_UV = uv=uv; "$$uv" --version >/dev/null 2>&1 || uv=.uv/bin/uv; \
	"$$uv" --version >/dev/null 2>&1 || { \
		echo "setup: no working uv found, fetching uv $(UV_VERSION) into ./.uv"; rm -rf .uv; \
		python3 -m venv .uv >/dev/null 2>&1 || { \
			echo "setup: python3 cannot make an environment; install its venv module (Debian: apt install python3-venv) or uv" >&2; \
			exit 1; }; \
		.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }

COMPILE := pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url

.PHONY: help setup repro report test check figures lock images images-full images-verify clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DONE) ## fill .venv from requirements/dev.lock; instant when nothing changed

# The stamp means a whole environment: one without it was interrupted and is made anew.
$(DONE): requirements/dev.lock pyproject.toml .python-version
	@$(FIND_UV); \
	test $@ -nt .python-version || "$$uv" venv --quiet --clear --python "$$(cat .python-version)" .venv || { \
		echo "setup: no Python $$(cat .python-version) here and none could be downloaded; install it and try again" >&2; \
		exit 1; }; \
	rm -f $@; \
	echo "setup: installing requirements/dev.lock into .venv"; \
	"$$uv" pip install --quiet --python .venv --require-hashes -r requirements/dev.lock; \
	"$$uv" pip install --quiet --python .venv --no-deps --no-build-isolation --editable .; \
	touch $@

repro: setup ## run the pipeline; PROFILE=name composes params.yaml from conf/ first
ifdef PROFILE
	@$(BIN)/python conf/compose.py '$(PROFILE)'
	@echo 'params.yaml was rewritten for the profile $(PROFILE); `git checkout params.yaml` goes back'
endif
	@$(DVC) repro
	@echo "report: results/report.html"

report: setup ## bring results/report.html up to date
	@$(DVC) repro report
	@echo "report: results/report.html"

test: setup ## run the tests
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4

check: setup ## lint, types, layers and locks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/check_locks.py
	$(BIN)/python bench/figures.py check

figures: setup ## measure what the pages quote, 40 minutes on an idle machine; ONLY="name ..." for some
	@$(BIN)/python bench/figures.py make $(ONLY)

lock: ## write the locks anew; a pin stays unless it has to move
	@$(FIND_UV); \
	"$$uv" $(COMPILE) pyproject.toml --group dev --output-file requirements/dev.lock; \
	"$$uv" $(COMPILE) pyproject.toml --constraint requirements/dev.lock \
		--output-file requirements/runtime.lock; \
	for group in driver sim; do \
		"$$uv" $(COMPILE) --group $$group --constraint requirements/dev.lock \
			--output-file requirements/$$group.lock; \
	done; \
	"$$uv" run --quiet --no-project --with pip python nix/wheels.py; \
	"$$uv" $(COMPILE) --group build --output-file requirements/build.lock; \
	"$$uv" $(COMPILE) pyproject.toml --group pipeline --constraint requirements/dev.lock \
		--output-file requirements/pipeline.lock; \
	"$$uv" $(COMPILE) pyproject.toml --extra carla --constraint requirements/dev.lock \
		--output-file requirements/carla.lock; \
	"$$uv" $(COMPILE) docker/labeler/requirements.in --output-file docker/labeler/requirements.lock

images: ## build the lean images of the driver and of the simulation host for both platforms
	@python3 docker/images.py build

images-full: ## build the images with torch too, about 5 GB for each platform
	@python3 docker/images.py build driver-full pipeline

images-verify: ## build the lean images twice without a cache and compare their digests
	@python3 docker/images.py verify

clean: ## remove what the pipeline and the tools wrote; .venv and DVC's cache stay
	rm -rf data models results work .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -not -path './.uv/*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv and .uv too
	rm -rf .venv .uv
