# `make run` and `make test` do everything on a fresh Debian 12 or Ubuntu 24.04.
.DEFAULT_GOAL := run
.PHONY: run test fast check docs setup bench text-layer eval-corrector faults fuzz shares long clean
BIN := .venv/bin
# absolute: daemons that tests start elsewhere load the plugin for coverage from there, too
IN_TESTS := PYTHONPATH="$(CURDIR)/tests"

run:
	@./setup.sh run
	@./etc/first-run.sh
	@exec $(BIN)/scanmend --config etc/scanmend.yaml run

# everything that CI runs. MEASURED=no leaves coverage out; it costs about a fifth of the time
MEASURED := yes
test:
	@./setup.sh test
	@$(MAKE) --no-print-directory check
ifeq ($(MEASURED),yes)
	@rm -rf .coverage && mkdir .coverage
	$(IN_TESTS) $(BIN)/coverage run -m pytest
	@find .coverage -empty -delete   # left by children that were killed
	@$(IN_TESTS) $(BIN)/coverage combine -q && $(IN_TESTS) $(BIN)/coverage report
else
	$(BIN)/pytest
endif

# the unit tests that need no more than a moment
fast:
	@$(BIN)/pytest -q -n 0 -m "not slow and not long" tests/unit

check:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# the site into site/; a broken link or anchor fails the build
docs:
	@./setup.sh test
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --strict --clean
	@rm -f site/*.py

setup:
	@./setup.sh test

# Benches ------------------------------------------------------------------------------------------
# `make bench` takes an hour on 2 cores. Tables and plots go to docs/bench, compared with the last committed run.
# Each part by itself is `make bench-NAME`, with more options in ARGS; see `python -m bench.NAME --help`:
#   daemon       one page by itself, and how well the engines read
#   peers        beside the bare engine and OCRmyPDF, which gets a virtual environment of its own
#   correction   what the built-in corrector adds to a document's time
#   fairness     receipts behind a book of 500 pages, the book behind receipts
#   text-layer   a page of a born-digital PDF by its text layer, beside recognising it
#   scale        the daemon's own ceiling: 1,000,000 rows, 100,000 files, 5,000 pages
#   cold         from the start to the first result; what an idle daemon costs
#   ink          lines of a truth, and words that Tesseract sees, that the text leaves out; ARGS: --data DIR --pictures DIR
#   engine       what makes RapidOCR quick, setting by setting
#   llm          what judging costs with MODEL=model.gguf, and that its process frees all memory (no report)
#   gpu          on a machine with a GPU: memory given back, fewer layers while it is short, seconds a page of MODEL (no report)
#   gate         the gate's properties over CASES random pages, and its time for a page (no report)
FOUND := .bench/found
MODULE_text-layer := born_digital
bench: bench-daemon bench-peers bench-correction bench-fairness bench-text-layer bench-scale bench-cold

bench-llm bench-gpu bench-gate: bench-%:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m bench.$* $(if $(filter gate,$*),$(or $(CASES),1000000),$(MODEL)) $(ARGS)

bench-%:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m bench.$(or $(MODULE_$*),$*) --json $(FOUND)/$*.json $(ARGS)
	$(IN_TESTS) $(BIN)/python -m bench.report $(FOUND)/$*.json

# our words of every PDF page below DIR beside PDFium's and OCR's: the pages that differ; ARGS: as --pages 1 --ocr all
text-layer:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m bench.text_layer $(DIR) $(ARGS)

# what the corrector does to text with a known truth, through the product's whole pipeline; ARGS: see --help
eval-corrector:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m bench.corrector $(ARGS)

# Long tests ---------------------------------------------------------------------------------------
# the daemon under kills, full disks, failing shares, power cuts …; ARGS: see tests/faults/run.py --help
faults:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m faults.run $(ARGS)

# tests that differ in degree only from those of `make test`
long:
	@./setup.sh test
	$(BIN)/pytest -m long

# a Samba share that goes away for OUTAGE seconds in every stage
shares:
	@./setup.sh test
	SCANMEND_OUTAGE=$(or $(OUTAGE),75) $(BIN)/pytest -n 1 tests/shares

# mutations of good files through the OCR child, for MINUTES
fuzz:
	@./setup.sh test
	$(IN_TESTS) $(BIN)/python -m hostile.fuzz --minutes $(or $(MINUTES),30) $(ARGS)

clean:
	rm -rf .venv .bench .coverage site .mypy_cache .ruff_cache .pytest_cache
