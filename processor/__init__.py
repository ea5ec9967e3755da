"""The processor: a micro-batch of commands becomes one PostgreSQL transaction.

``engine`` is what every context shares, ``ledger`` is the first context; ``database``, ``errors``, ``faults`` and
``telemetry`` serve both. Nothing here knows Kafka.
"""
