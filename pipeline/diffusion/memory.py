"""What is done when the device runs out of memory: less at once, then more frugally, then an error.

Each measure stays on for the rest of the process and is recorded with every picture made under it.
"""

import gc
from collections.abc import Callable

import torch

from pipeline.errors import GenbError

_CPU_MESSAGES = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory, of the device or of the machine, ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(m in str(error) for m in _CPU_MESSAGES)


class MemoryLadder:
    """Runs batches, and takes the next measure whenever one does not fit.

    pipe: the loaded pipeline. batch: pictures at once. can_slice: whether attention may be sliced
    (it would undo an IP-Adapter).
    """

    def __init__(self, pipe, device: str, batch: int, can_slice: bool):
        self.pipe, self.device, self.batch = pipe, device, batch
        self.measures: list[str] = []
        self._left: list[tuple[str, Callable[[], None]]] = []
        if can_slice:
            self._left.append(("attention slicing", pipe.enable_attention_slicing))
        if hasattr(pipe.vae, "enable_tiling"):
            self._left.append(("VAE tiling", pipe.vae.enable_tiling))

    def run(self, items: list, paint: Callable[[list], list]) -> list:
        """`paint` of consecutive batches of the items, joined; raises GenbError when even one item
        with every measure taken does not fit."""
        done: list = []
        while len(done) < len(items):
            chunk = items[len(done) : len(done) + self.batch]
            try:
                done += paint(chunk)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0][:300] if str(error) else "MemoryError"
                # The traceback holds the tensors that filled the memory.
                error.__traceback__ = None
                self._save_more(reason)
        return done

    def _save_more(self, reason: str) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            measure = f"batch {self.batch}"
        elif self._left:
            measure, take = self._left.pop(0)
            take()
        else:
            raise GenbError(
                f"re-rendering ran out of memory on {self.device!r} ({reason}), with "
                f"{', '.join(self.measures) or 'nothing left to save'}. Use smaller pictures, "
                "diffusion.views.tile_px = 512, a smaller model, or (GPU) execution.offload = "
                "'model' or 'sequential'. What is finished is kept: run the same command again."
            ) from None
        self.measures.append(measure)
        print(f"[rerender] out of memory ({reason}): going on with {measure}", flush=True)
