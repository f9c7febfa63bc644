"""Prometheus counters of the daemon's work since its start.

``service.http`` serves them together with gauges that it reads from the journal at each scrape.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()


def _counter(name: str, description: str, *labels: str) -> Counter:
    return Counter(f"scanmend_{name}", description, labels, registry=REGISTRY)


PAGES = _counter("pages", "Pages that passed a step", "step")
PAGE_FAILURES = _counter("page_failures", "Failed attempts at pages")
PAGE_SECONDS = _counter("page_seconds", "Seconds of work on pages", "step")
EDITS = _counter("edits", "Edits that the gate decided on", "decision")
SUSPECTS = _counter("suspects", "Places that a person should look at", "kind")
UNREAD_PAGES = _counter("unread_pages", "Pages with ink that could not be read")
MODEL_MOVES_TOTAL = _counter("model_moves", "Changes of the model's state", "state")
MODEL_STATE = Gauge("scanmend_model_state", "1 for the model's state", ["state"], registry=REGISTRY)
