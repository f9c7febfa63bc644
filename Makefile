# `make run` and `make test` do everything on a fresh Debian 12 or Ubuntu 24.04 machine.
.PHONY: run test check bench bench-daemon bench-text-layer text-layer bench-peers bench-fairness bench-correction bench-scale bench-cold bench-engine bench-llm bench-gate eval-corrector faults fuzz shares setup clean
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

# all of them, an hour on 2 cores; tables and plots into docs/bench, compared with the last committed run
FOUND := .bench/found
bench:
	@$(MAKE) --no-print-directory bench-daemon bench-peers bench-correction bench-fairness bench-text-layer bench-scale bench-cold

# one page by itself, and how well the engines read
bench-daemon:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.daemon --json $(FOUND)/daemon.json
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/daemon.json

# beside the bare engine and OCRmyPDF, which gets a virtual environment of its own; ARGS: as --pages 30
bench-peers:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.peers --json $(FOUND)/peers.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/peers.json

# receipts behind a book of 500 pages, the book behind receipts; ARGS: as --pages 100
bench-fairness:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.fairness --json $(FOUND)/fairness.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/fairness.json

# what the built-in corrector adds to a document's time; ARGS: as --rounds 1
bench-correction:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.correction --json $(FOUND)/correction.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/correction.json

# the daemon's own ceiling and what it costs at 1,000,000 rows, 100,000 files, 5,000 pages; ARGS: see tests/bench/scale.py --help
bench-scale:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.scale --json $(FOUND)/scale.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/scale.json

# from the start to the first result; what an idle daemon costs
bench-cold:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.cold --json $(FOUND)/cold.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/cold.json

# what makes RapidOCR quick, each by itself; onnxruntime and nncf (int8) where they are installed; ARGS: as --pages 5
bench-engine:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.engine --json $(FOUND)/engine.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/engine.json

# a page of a born-digital PDF by its text layer, beside recognising it; ARGS: as --base CHECKOUT
bench-text-layer:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.born_digital --json $(FOUND)/text-layer.json $(ARGS)
	PYTHONPATH=tests $(BIN)/python -m bench.report $(FOUND)/text-layer.json

# our words of every PDF page below DIR beside PDFium's and OCR's: the pages that differ; ARGS: as --pages 1 --ocr all
text-layer:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.text_layer $(DIR) $(ARGS)

# MODEL=model.gguf; without it a shape of 118 M parameters. ARGS: see tests/bench/llm.py --help
bench-llm:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python tests/bench/llm.py $(MODEL) $(ARGS)

# the gate's properties over CASES random pages, and its time for a page
bench-gate:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python tests/bench/gate.py $(or $(CASES),1000000)

# what the corrector does to text with a truth, by the product's whole way; ARGS: see tests/bench/corrector.py --help
eval-corrector:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m bench.corrector $(ARGS)

# the daemon under kills, full disks, failing shares, power cuts …; ARGS: see tests/faults/run.py --help
faults:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m faults.run $(ARGS)

# a Samba share that goes away for OUTAGE seconds in every stage
shares:
	@./setup.sh test
	SCANMEND_OUTAGE=$(or $(OUTAGE),75) $(BIN)/pytest -n 1 tests/shares

# mutations of good files through the OCR child, for MINUTES
fuzz:
	@./setup.sh test
	PYTHONPATH=tests $(BIN)/python -m hostile.fuzz --minutes $(or $(MINUTES),30) $(ARGS)

clean:
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache
