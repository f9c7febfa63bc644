"""The journal's tables: the first version, and each change since.

``Database.open`` upgrades any older journal.
"""

FIRST = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,             -- relative to the inbox
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '',
    profile TEXT NOT NULL DEFAULT '',
    media_type TEXT NOT NULL DEFAULT '',
    pages INTEGER,                  -- NULL until an OCR child has looked
    state TEXT NOT NULL, reason TEXT NOT NULL, since REAL NOT NULL,
    first_seen REAL NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',   -- 'published' or the kind of the failure
    stem TEXT,                      -- of the result's names, chosen before the first byte is written
    put_away BLOB,                  -- where the original goes, chosen before it is moved
    kept INTEGER NOT NULL DEFAULT 0,    -- the original stays in the inbox (originals: keep)
    warnings TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX documents_path ON documents (path);
CREATE INDEX documents_state ON documents (state);
CREATE TABLE moves (document INTEGER NOT NULL, at REAL NOT NULL, old TEXT, new TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX moves_document ON moves (document);
CREATE TABLE pages (
    document INTEGER NOT NULL, number INTEGER NOT NULL,    -- -1: the look at what the file holds
    attempts INTEGER NOT NULL DEFAULT 0, failure TEXT NOT NULL DEFAULT '',
    text TEXT, result TEXT,
    PRIMARY KEY (document, number)
) WITHOUT ROWID;
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, reason TEXT NOT NULL, since REAL NOT NULL);
"""
UNFINISHED = "state IN ('settling', 'queued', 'reading', 'publishing', 'putting-away')"

# Triggers count the documents in each state, and an index finds the first and the last of a state, so that queries that
# run every few seconds take constant time, even with a million rows.
COUNTED = f"""
DROP INDEX documents_state;
CREATE INDEX documents_state ON documents (state, since);
CREATE INDEX documents_unfinished ON documents (first_seen) WHERE {UNFINISHED};
CREATE TABLE counts (state TEXT PRIMARY KEY, documents INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counts SELECT state, count(*) FROM documents GROUP BY state;
CREATE TRIGGER count_new AFTER INSERT ON documents BEGIN
    INSERT INTO counts VALUES (new.state, 1) ON CONFLICT DO UPDATE SET documents = documents + 1;
END;
CREATE TRIGGER count_moved AFTER UPDATE OF state ON documents BEGIN
    UPDATE counts SET documents = documents - 1 WHERE state = old.state;
    INSERT INTO counts VALUES (new.state, 1) ON CONFLICT DO UPDATE SET documents = documents + 1;
END;
CREATE TRIGGER count_pruned AFTER DELETE ON documents BEGIN
    UPDATE counts SET documents = documents - 1 WHERE state = old.state;
END;
"""

# ``parts`` holds the embedded files of documents in work; once a document is published, they are documents, too.
EMBEDDED = """
ALTER TABLE documents ADD COLUMN parent INTEGER;    -- the document that it was embedded in
ALTER TABLE documents ADD COLUMN part INTEGER;      -- its number there
ALTER TABLE documents ADD COLUMN part_of TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX documents_parent ON documents (parent, part) WHERE parent IS NOT NULL;
CREATE TABLE parts (
    parent INTEGER NOT NULL, number INTEGER NOT NULL,
    path BLOB NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, part_of TEXT NOT NULL,
    PRIMARY KEY (parent, number)
) WITHOUT ROWID;
"""
# the earlier result of the same path that the document's result replaces, as JSON
SUPERSEDING = """
ALTER TABLE documents ADD COLUMN supersedes TEXT NOT NULL DEFAULT '';
"""
STEPS = (FIRST, COUNTED, EMBEDDED, SUPERSEDING)
VERSION = len(STEPS)


def upgrade(version: int) -> str:
    """Return the SQL that brings a journal of this version (0: an empty one) up to date, as one transaction.

    The result is empty for a journal that is up to date.
    """
    steps = STEPS[version:]
    return f"BEGIN; {' '.join(steps)} PRAGMA user_version = {VERSION}; COMMIT;" if steps else ""
