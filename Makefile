# make setup · demo · test · test-all · check · sanitize · bench · bench-page · docs · quality · wheel
PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
STAMP := $(ENV)/setup.stamp
SOURCES := $(shell find csrc -type f -name '*.[ch]pp')
DEMO ?= runs/demo
DEMO_SECONDS ?=

.PHONY: setup demo test test-all check sanitize bench bench-page docs quality wheel
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): pyproject.toml CMakeLists.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make: '$(PYTHON)' is missing or older than Python 3.11; install a newer one, or name it: make PYTHON=python3.12" >&2; exit 1; }
	@for compiler in "$${CXX:-c++}" g++ clang++; do command -v $$compiler >/dev/null 2>&1 && exit 0; done; \
	  echo "make: there is no C++ compiler; install g++ (11 or newer) or clang++ (14 or newer)" >&2; exit 1
	@test -x $(BIN)/python || $(PYTHON) -m venv $(ENV) || \
	  { echo "make: '$(PYTHON) -m venv' failed; install your system's package for it (python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/ostinato train char-rnn --out $(DEMO) --fresh $(if $(DEMO_SECONDS),--set train.seconds=$(DEMO_SECONDS))
	@printf '\nThe model writes:\n\n' >&2
	@$(BIN)/ostinato generate $(DEMO) --prompt "The " --length 400 --temperature 0.7 --stream
	@printf '\nOn a text of your own:\n  %s\nType to it, and see what surprises it (Ctrl-D ends):\n  %s\n' \
	  "$(BIN)/ostinato train char-rnn --set data.text=YOUR_FILE.txt --out runs/mine" \
	  "$(BIN)/ostinato stream $(DEMO)" >&2

test: $(STAMP)  # without what is marked slow
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

sanitize: $(STAMP)  # the kernels' own tests, watched for wrong memory, undefined behaviour and races; half an hour
	@for each in address,undefined thread; do \
	  PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  cmake -S . -B build/$$each -G Ninja -DOSTINATO_BUILD_TESTS=ON -DOSTINATO_SANITIZE=$$each && \
	  cmake --build build/$$each && ctest --test-dir build/$$each --output-on-failure || exit 1; \
	done

bench: $(STAMP)
	$(BIN)/ostinato bench

bench-page: $(STAMP)  # wants a quiet machine
	$(BIN)/ostinato bench --seconds 0.5 --out docs/performance.md

docs: $(STAMP)  # docs/options.md and docs/api, from signatures and docstrings
	$(BIN)/python docs/build.py

quality: $(STAMP)  # the numbers in docs/results.md; needs OSTINATO_DATA, takes as long as the recipes say
	$(BIN)/ostinato train char-rnn --out runs/quality/char-rnn
	$(BIN)/ostinato train tiny-shakespeare --out runs/quality/tiny-shakespeare
	for cell in rnn lstm gru; do \
	  $(BIN)/ostinato train war-and-peace-$$cell --out runs/quality/war-and-peace-$$cell || exit 1; done
	$(BIN)/ostinato evaluate runs/quality/war-and-peace-rnn runs/quality/war-and-peace-lstm runs/quality/war-and-peace-gru --split test

wheel: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip wheel . --quiet --no-deps --no-build-isolation --wheel-dir dist
	@ls dist/*.whl
