"""The backend that changes nothing: the render, byte for byte."""

from pipeline.config import Config
from pipeline.diffusion.backends import Rendered, Request


class Passthrough:
    """Returns the renders themselves."""

    def __init__(self, config: Config):
        pass

    def rerender(self, requests: list[Request]) -> list[Rendered]:
        """The requests' images."""
        record = {"backend": "passthrough", "steps_run": 0}
        return [Rendered(request.image, dict(record)) for request in requests]

    def reconfigured(self, config: Config) -> "Passthrough":
        """Itself: it has nothing to configure."""
        return self
