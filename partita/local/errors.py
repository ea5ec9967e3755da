"""The one error of the local stack.

    LocalStackError         a person has to do something; the text names the cause and the cure
      DockerUnavailable     the way through Docker is closed; `auto` takes it as a reason and goes on with processes
"""


class LocalStackError(Exception):
    """A service of the local stack cannot be had; the text names the cause and the cure."""


class DockerUnavailable(LocalStackError):  # noqa: N818 - it is a fact about this machine before it is an error
    """No Docker engine answers, or an image cannot be had from it."""
