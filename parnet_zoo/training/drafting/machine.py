"""What there is to train on."""

from __future__ import annotations

from dataclasses import dataclass

from parnet_zoo.machine_memory import MachineMemory, machine_memory
from parnet_zoo.training.machine_speed import MachineSpeed, machine_speed
from parnet_zoo.training.memory import may_have_gpu


@dataclass(frozen=True)
class Machine:
    """This machine.

    Attributes:
        memory: What it has.
        speed: Of its processor.
        gpu: Whether TensorFlow may find a GPU, of which nothing is known before.
    """

    memory: MachineMemory
    speed: MachineSpeed
    gpu: bool

    @classmethod
    def here(cls) -> Machine:
        """Look, and measure for a moment."""
        return cls(machine_memory(), machine_speed(), may_have_gpu())

    @property
    def in_words(self) -> str:
        """For a comment."""
        cores = "1 core" if self.speed.cores == 1 else f"{self.speed.cores} cores"
        return (
            f"{cores} of {self.speed.core_flops / 1e9:.0f} GFLOP/s,"
            f" {self.memory.available / 1e9:.1f} GB of memory left"
            f"{', perhaps a GPU' if self.gpu else ''}"
        )
