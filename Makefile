# `make demo` runs the main job and ends with the path of its report, `make test` the tests,
# `make notebooks` the notebooks, `make docs` the site; each sets up .venv on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test notebooks docs lint audit sbom lock clean

demo: $(VENV)/.installed
	$(BIN)/eegsep benchmark --output results/demo

# A process a core; a file's tests stay in one, which makes its fixtures once, files in their order.
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# With their outputs, as notebooks and as pages; what they write stays in the results too.
notebooks: $(VENV)/.installed-test
	mkdir -p results/notebooks
	cp notebooks/*.ipynb results/notebooks
	$(BIN)/jupyter nbconvert --execute --inplace results/notebooks/*.ipynb
	$(BIN)/jupyter nbconvert --to html results/notebooks/*.ipynb

# To docs/_build/html; without a network, with the gallery's figures, and with no warning.
docs: $(VENV)/.installed-test
	$(BIN)/python -m sphinx -b html -W --keep-going -n -q docs docs/_build/html
	$(BIN)/python docs/_ext/links.py docs/_build/html

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python docs/_ext/docstrings.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "eegsep needs Python >= 3.11; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt hatch_build.py eegsep/_kernels/kernels.c
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

# Fails where a package that is installed has a known vulnerability.
audit: $(VENV)/.installed-test
	$(BIN)/python .ci/audit.py

# What is installed with eegsep, in CycloneDX; SBOM_OF is the Python of the environment.
SBOM_OF ?= $(BIN)/python
sbom: $(VENV)/.installed-test
	mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type library \
	  --output-reproducible --output-file build/sbom.json $(SBOM_OF)

# The lock leaves out torch and what comes with it: pip chooses those per machine.
lock: $(VENV)/.installed-test
	$(PIP) freeze --exclude-editable \
	  | grep -viE '^(torch|torchaudio|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z-]+|setuptools)==' > constraints.txt

clean:
	rm -rf $(VENV) results build dist docs/_build docs/api/generated docs/auto_gallery docs/notebooks
