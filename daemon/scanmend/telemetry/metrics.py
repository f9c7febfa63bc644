"""Count what the daemon does since its start, in Prometheus's terms.

``service.http`` serves these together with what the journal says at the moment of a scrape.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()


def _counter(name: str, description: str, *labels: str) -> Counter:
    return Counter(f"scanmend_{name}", description, labels, registry=REGISTRY)


PAGES = _counter("pages", "Pages that passed a step", "step")
FAILURES = _counter("page_failures", "Failed attempts at pages")
SECONDS = _counter("page_seconds", "Seconds of work on pages", "step")
EDITS = _counter("edits", "Edits that the gate decided on", "decision")
SUSPECTS = _counter("suspects", "Places that a person should look at", "kind")
MODEL_MOVES_TOTAL = _counter("model_moves", "Changes of the model's state", "state")
MODEL_STATE = Gauge("scanmend_model_state", "1 for the model's state", ["state"], registry=REGISTRY)
