"""The backend that changes nothing: the render, byte for byte."""

from pipeline.config import Config
from pipeline.diffusion.backends import Rendered, Request


class Passthrough:
    """Returns the render itself."""

    def __init__(self, config: Config):
        pass

    def rerender(self, request: Request) -> Rendered:
        """The request's image."""
        return Rendered(request.image, {"backend": "passthrough", "steps_run": 0})
