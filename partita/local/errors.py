"""The one error of the local stack.

LocalStackError          a person has to do something; the text names the cause and the cure
  DockerUnavailableError the way through Docker is closed; `auto` takes it as a reason and goes on with processes
  PortTakenError         someone else listens where a server was to listen
"""


class LocalStackError(Exception):
    """A service of the local stack cannot be had; the text names the cause and the cure."""


class DockerUnavailableError(LocalStackError):
    """No Docker engine answers, or an image cannot be had from it."""


class PortTakenError(LocalStackError):
    """Someone else listens where a server was to listen."""
