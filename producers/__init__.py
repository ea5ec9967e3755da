"""What this program writes to Kafka: commands on a sender's behalf, and the events of the books.

``commands`` is the door for whoever asks, ``relay`` the one way from the books to the topics, ``kafka`` the producer
both are made with. Nothing else in this program sends a record.
"""
