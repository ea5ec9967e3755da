"""The role ``scheduler``, which publishes the commands that time asks for: ``scheduler`` is the door to its parts."""
