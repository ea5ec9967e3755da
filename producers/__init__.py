"""What this program writes to Kafka: commands on a sender's behalf or because time has passed, and the books' events.

``commands`` is the door for whoever asks, ``scheduling`` says what is due, ``relay`` is the one way from the books to
the topics, ``kafka`` the producer all are made with. Nothing else in this program sends a record.
"""
