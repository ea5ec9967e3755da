"""What is written from the models: JSON Schemas, the AsyncAPI document, the page of messages, and what may change.

Nothing that runs imports this package; it is for ``partita contracts``, and for tests.
"""
