# `make demo` paints a clip, `make test` checks everything. Both need Python 3.11 or newer and make;
# all else goes into .venv. Every path is relative, so the folder's own may hold spaces.

VENV := .venv
IN_VENV := $(VENV)/bin/python
CANDIDATES := python3 python3.11 python3.12 python3.13 python3.14
INSTALL := $(IN_VENV) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo gallery test format clean

help:
	@echo "make demo    paint a clip and say where it is (a minute or two, most of it pip)"
	@echo "make gallery render every style on two photos, for the README"
	@echo "make test    ruff, pyright and pytest (several GB: torch, for the training code)"
	@echo "make format  let ruff put the code in order"
	@echo "make clean   remove .venv and what demo and build made"

demo: $(VENV)/.base
	$(IN_VENV) -m rtstyle demo --out demo --overwrite

gallery: $(VENV)/.base
	$(IN_VENV) -m rtstyle styles --sheet rtstyle/photos/astronaut.jpg \
		--sheet rtstyle/photos/chelsea.jpg --columns 4 --output benchmarks/pictures/gallery.jpg --overwrite

test: $(VENV)/.test
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m pyright
	$(IN_VENV) -m pytest

format: $(VENV)/.test
	$(IN_VENV) -m ruff check --fix .
	$(IN_VENV) -m ruff format .

clean:
	rm -rf $(VENV) build demo dist

# Empty files that say what is installed, and are older than what it was installed from if stale.
$(VENV)/.base: pyproject.toml constraints.txt | $(IN_VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(IN_VENV)
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.base

$(IN_VENV):
	@for python in $(CANDIDATES); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "$$python -m venv $(VENV)"; exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "error: no Python 3.11 or newer found (looked for: $(CANDIDATES))" >&2; exit 1
