"""`python -m tests.openapi`: write the documents that are served into `deploy/openapi`."""

from tests.openapi import DOCUMENTS, FOLDER

FOLDER.mkdir(parents=True, exist_ok=True)
for name, text in DOCUMENTS.items():
    (FOLDER / name).write_text(text)
