# One door for people and CI. Needs make, sh, sed and a Python of at least 3.11; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
# Say `make PYTHON=/path/to/python ...` to choose; otherwise the first of these that will do.
PYTHON_CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11 python3 python
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
FRESH := build/pins
PINNED := sandbox lab dev
# mkdocs-material warns of a successor at each start; where to move to is a decision, not a warning.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
# Arguments for the target's program: make test ARGS="tests/keys -x"
ARGS :=

# Some containers forbid Python to keep byte code: then each program that the tests start compiles its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lab test test-fast check docs workflows format bench soak mutants recipes screenshots dist trydist venv pins clean

help:  ## list the targets
	@echo 'qlik_keys: make <target>'
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  \1#\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='#' read -r name words; do \
		printf '%-14s %s\n' "$$name" "$$words"; done

demo: $(VENV)/ready-sandbox  ## make two clients on the sandbox, keys in a real OpenBao, tokens, a table; then stop it all
	@$(BIN)/qlik-keys demo $(ARGS)

lab: $(VENV)/ready-lab  ## open JupyterLab at the quickstart notebook
	@$(BIN)/qlik-keys lab $(ARGS)

test: $(VENV)/ready-dev  ## run every test; sets up all it needs, the browser too
	@$(BIN)/python tests/tools/browser_setup.py
	@echo 'Running the tests; the browser and the notebooks take the most of it.'
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: $(VENV)/ready-dev  ## run the units and one pass of the lifecycle, without a browser
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m fast $(ARGS)

check: $(VENV)/ready-dev  ## lint, format, types, layers, documentation, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MKDOCS) build --strict
	@$(MAKE) --no-print-directory workflows

docs: $(VENV)/ready-dev  ## build the documentation into build/site; ARGS=serve shows it while you write
	$(MKDOCS) $(or $(ARGS),build --strict)

workflows: $(VENV)/ready-dev  ## audit .github and the recipe for GitHub by zizmor, and the files by their schemas; needs no network
	$(BIN)/zizmor --offline --pedantic --strict-collection --no-progress --quiet .github docs/recipes/github/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml docs/recipes/github/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

format: $(VENV)/ready-dev  ## format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ready-dev  ## measure speed against floors and peers of the same run; ARGS=--quick within a minute
	@$(BIN)/python tests/benchmarks/run.py $(ARGS)

soak: $(VENV)/ready-dev  ## run 10,000 random schedules of two actors under faults; ARGS="--seed N --count 1" repeats one
	@$(BIN)/python tests/tools/soak.py $(ARGS)

mutants: $(VENV)/ready-dev  ## put 60 faults into copies of the product, one at a time, and say which the tests find; ARGS="--folder lifecycle"
	@$(BIN)/python tests/mutations/run.py $(ARGS)

recipes: $(VENV)/ready-dev  ## run the recipes for schedules in a real Airflow, and check them by the schemas of Kubernetes
	@$(BIN)/python -m pytest tests/recipes/test_recipes.py tests/recipes/try_recipes.py $(ARGS)

screenshots: $(VENV)/ready-dev  ## take pictures of the panel in each state, light, dark, narrow and at 200 % (build/screenshots)
	@$(BIN)/python tests/tools/browser_setup.py
	@$(BIN)/python tests/tools/screenshots.py

dist: $(VENV)/ready-dev  ## build the sdist, and the wheel from it, into dist/; the same commit gives the same bytes
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t sdist
	@$(PIP) wheel --no-index --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz

trydist: $(VENV)/ready-dev  ## install each of dist/ into an environment of its own and use it: demo, lab, a notebook
	@$(BIN)/python tests/tools/try_distributions.py $(ARGS)

venv: $(VENV)/ready-dev  ## build .venv with everything for developers

pins: | $(BIN)/python  ## write requirements/ again, with today's newest versions and their hashes
	@rm -rf $(FRESH)
	@$(BIN)/python -m venv $(FRESH)
	@$(FRESH)/bin/python -m pip --quiet --disable-pip-version-check install uv
	@set -eu; for name in $(PINNED); do \
		echo "requirements/$$name.txt"; \
		case $$name in sandbox) wanted='--extra sandbox' ;; lab) wanted='--extra sandbox --extra lab' ;; \
			dev) wanted='--extra sandbox --extra lab --extra dask --group dev' ;; esac; \
		$(FRESH)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11.5 --generate-hashes \
			--no-annotate --no-header --no-strip-extras --output-file requirements/$$name.txt $$wanted pyproject.toml requirements/build.in; \
	done
	@rm -rf $(FRESH)

clean:  ## remove .venv and what the tools left
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage dist build
	find qlik_keys tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment, filled as far as the target needs: sandbox, lab (with the sandbox) or dev. Whatever is installed is
# pinned with its hashes; the package itself, which has none, is built with what is pinned.
$(VENV)/ready-%: pyproject.toml requirements/%.txt | $(BIN)/python
	@echo 'Installing into $(VENV): qlik_keys and requirements/$*.txt. The first time takes a minute or two.'
	@$(PIP) install --no-compile --require-hashes --requirement requirements/$*.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@set -eu; too_old=; lacking=; \
	for candidate in $(PYTHON_CANDIDATES); do \
		"$$candidate" -c 'import sys' >/dev/null 2>&1 || continue; \
		"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { too_old="$$too_old $$candidate"; continue; }; \
		"$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1 || { lacking="$$lacking $$candidate"; continue; }; \
		echo "Building $(VENV) with $$candidate ($$("$$candidate" -V))."; \
		rm -rf $(VENV); \
		exec "$$candidate" -m venv $(VENV); \
	done; \
	if [ -n "$$lacking" ]; then \
		echo "This Python cannot make environments:$$lacking. On Debian and Ubuntu: apt install python3-venv" >&2; \
	elif [ -n "$$too_old" ]; then \
		echo "qlik_keys needs Python 3.11 or newer; older ones found:$$too_old. Or name one: make PYTHON=/path/to/python" >&2; \
	else \
		echo 'qlik_keys needs Python 3.11 or newer, and none was found. Or name one: make PYTHON=/path/to/python' >&2; \
	fi; \
	exit 1
