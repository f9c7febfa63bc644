"""What is counted while the daemon runs, in Prometheus's terms (prometheus_client)."""

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()

PAGES = Counter(
    "scanmend_pages", "Pages through a step since the start", ["step"], registry=REGISTRY
)
FAILURES = Counter("scanmend_page_failures", "Attempts of pages that failed", registry=REGISTRY)
SECONDS = Counter("scanmend_page_seconds", "Seconds spent on pages", ["step"], registry=REGISTRY)
EDITS = Counter("scanmend_edits", "Edits that were decided on", ["decision"], registry=REGISTRY)
SUSPECTS = Counter(
    "scanmend_suspects", "Things for a person to look at", ["kind"], registry=REGISTRY
)
MODEL_MOVES = Counter(
    "scanmend_model_moves", "Moves of the model to a state", ["state"], registry=REGISTRY
)
MODEL_STATE = Gauge("scanmend_model_state", "1 for the model's state", ["state"], registry=REGISTRY)
DOCUMENTS = Gauge("scanmend_documents", "Documents by state", ["state"], registry=REGISTRY)
OLDEST = Gauge(
    "scanmend_oldest_waiting_seconds",
    "Age of the oldest document that is not done",
    registry=REGISTRY,
)
TROUBLES = Gauge("scanmend_troubles", "What /healthz complains about", registry=REGISTRY)
