"""The recipe's rule: whether the version that a training ends with becomes champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.gate import GateSection
from parnet_zoo.tracking.promotion import Otherwise, Verdict
from parnet_zoo.training.promoting.gate import Measured, failed_bounds


class Rule(BaseModel):
    """What a recipe says about promotion, and what its network reached.

    Attributes:
        promote: `register.promote`.
        gate: `register.gate`.
        smoke: Whether it was only a trial, which never becomes champion.
        limited: Whether `data.limit` left images out: then it becomes champion only where there is
            none.
        measured: At the end of the training, through the files that are served.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    promote: Literal["never", "if_better"] = "never"
    gate: GateSection = GateSection()
    smoke: bool = False
    limited: bool = False
    measured: Measured = Measured()

    @classmethod
    def of(cls, recipe: Recipe, measured: Measured) -> Rule:
        """The rule of a recipe."""
        return cls(
            promote=recipe.register.promote,
            gate=recipe.register.gate,
            smoke=recipe.smoke,
            limited=recipe.data.limit is not None,
            measured=measured,
        )

    @property
    def failed(self) -> tuple[str, ...]:
        """The bounds of the gate that were not kept, in words."""
        return failed_bounds(self.gate, self.measured)

    @property
    def otherwise(self) -> Otherwise:
        """What becomes of a version that does not win: a trial moves no alias that there is."""
        return "candidate_if_free" if self.smoke or self.limited else "candidate"

    def judge(self, champion: str | None, compare: Callable[[str], Verdict] | None) -> Verdict:
        """Whether the new version takes the champion's place.

        Args:
            champion: The champion's version; None where there is none.
            compare: Compares with it; None where that cannot be done now.
        """
        wins, reason = self._without_comparison(champion)
        if wins is not None:
            return self._verdict(reason, wins=wins)
        if compare is None or champion is None:
            return self._verdict(
                "it was not compared with the champion; parnet-zoo promote does that", wins=False
            )
        verdict = compare(champion)
        return Verdict(verdict.wins, verdict.reason, {**self._details(), **verdict.details})

    def _without_comparison(self, champion: str | None) -> tuple[bool | None, str]:
        if self.smoke:
            return False, "a smoke run only tries every stage, and is never champion by itself"
        if self.failed:
            return False, f"it does not pass the gate: {'; '.join(self.failed)}"
        if champion is None:
            return True, "there was no champion"
        if self.limited:
            return False, "its training was limited (data.limit), and there is a champion"
        if self.promote == "never":
            return False, "the recipe says register.promote: never"
        return None, ""

    def _verdict(self, reason: str, *, wins: bool) -> Verdict:
        return Verdict(wins, reason, self._details())

    def _details(self) -> dict[str, object]:
        return {"rule": f"recipe, {self.promote}", **self.measured.details()}
