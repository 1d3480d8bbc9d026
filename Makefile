# What a contributor runs. PYTHON is the environment that has tests/requirements.txt.
PYTHON ?= python
QUICK = not slow and not browser

OFFLINE = not nightly

.PHONY: check format-check lint types scripts test quick nightly offline

check: format-check lint types scripts quick  ## everything that is fast enough to run before each commit

format-check:
	$(PYTHON) -m ruff format --check .

lint:
	$(PYTHON) -m ruff check .

types:  # gradio writes stubs of our components beside them, and a type checker would read those instead
	find pdc -name '*.pyi' -delete
	$(PYTHON) -m pyright --pythonpath "$$($(PYTHON) -c 'import sys; print(sys.executable)')"

scripts:  ## types and lint of the browser's scripts, where node is there and `npm install --no-package-lock` has brought the tools
	@if command -v npm >/dev/null && test -d node_modules; then npm run --silent check; \
	else echo "The browser's scripts were not checked: install node, then run npm install --no-package-lock."; fi

quick:  ## tests without a model, a browser or another process
	$(PYTHON) -m pytest -q -n 3 --dist loadfile -m "$(QUICK)"

test:  ## what CI runs
	$(PYTHON) -m pytest -n 3 --dist loadfile

offline:  ## the suite where no other machine can be reached: a network of its own, with nothing in it but this machine
	unshare -rn sh -c 'ip link set lo up && exec $(PYTHON) -m pytest -n 3 --dist loadfile -m "$(OFFLINE)"'

nightly:  ## everything, and what is long by nature too
	$(PYTHON) -m pytest -n 3 --dist loadfile -m ""
