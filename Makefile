# `make run` and `make test` do everything on a fresh Debian 12 or Ubuntu 24.04 machine.
.PHONY: run test check bench setup clean
BIN := .venv/bin

run:
	@./setup.sh run
	@./etc/first-run.sh
	@exec $(BIN)/scanmend --config etc/scanmend.yaml run

test:
	@./setup.sh test
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest

check:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench:
	@./setup.sh test
	$(BIN)/python tests/bench/bench.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
