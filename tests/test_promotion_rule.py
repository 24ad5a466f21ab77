"""The gate and the recipe's rule, without any store."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from parnet_zoo.recipe import load_recipe
from parnet_zoo.recipe.schema.gate import GateSection
from parnet_zoo.tracking.promotion import Verdict
from parnet_zoo.training.promoting.gate import Measured, failed_bounds
from parnet_zoo.training.promoting.rule import Rule

GOOD = Measured(accuracy=0.9, latency_ms=10.0, deploy_difference=1e-6)


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        ({"minimum_accuracy": 0.95},
         "accuracy 0.9000 is below register.gate.minimum_accuracy 0.95"),
        ({"maximum_latency_ms": 5},
         "latency 10.00 ms is above register.gate.maximum_latency_ms 5"),
        ({"maximum_deploy_difference": 1e-7},
         "deploy difference 1.00e-06 is above register.gate.maximum_deploy_difference 1e-07"),
    ],
)  # fmt: skip
def test_a_bound_that_is_not_kept_is_named_with_both_numbers(
    gate: dict[str, Any], sentence: str
) -> None:
    assert failed_bounds(GateSection(**gate), GOOD) == (sentence,)


@pytest.mark.parametrize(
    "gate",
    [
        {},
        {"minimum_accuracy": 0.9},
        {"maximum_latency_ms": 10},
        {"maximum_deploy_difference": 1e-6},
        {"minimum_accuracy": 0.5, "maximum_latency_ms": 20, "maximum_deploy_difference": 1e-3},
    ],
)
def test_a_bound_that_is_just_kept_is_kept(gate: dict[str, Any]) -> None:
    assert failed_bounds(GateSection(**gate), GOOD) == ()


@pytest.mark.parametrize("value", [None, nan])
def test_what_is_no_number_keeps_no_bound(value: float | None) -> None:
    gate = GateSection(minimum_accuracy=0.0, maximum_latency_ms=1, maximum_deploy_difference=1)
    measured = Measured(accuracy=value, latency_ms=value, deploy_difference=value)
    assert len(failed_bounds(gate, measured)) == 3


def test_several_bounds_are_all_named() -> None:
    gate = GateSection(minimum_accuracy=1, maximum_latency_ms=1, maximum_deploy_difference=1e-9)
    assert len(failed_bounds(gate, GOOD)) == 3


def beats(_: str) -> Verdict:
    return Verdict(wins=True, reason="compared", details={"champion_accuracy": 0.5})


STRICT = GateSection(minimum_accuracy=0.99)


@pytest.mark.parametrize(
    ("settings", "champion", "wins", "reason"),
    [
        ({}, None, True, "there was no champion"),
        ({}, "1", False, "the recipe says register.promote: never"),
        ({"promote": "if_better"}, "1", True, "compared"),
        ({"gate": STRICT}, None, False, "does not pass the gate: accuracy 0.9000 is below"),
        ({"gate": STRICT, "promote": "if_better"}, "1", False, "does not pass the gate"),
        ({"smoke": True}, None, False, "a smoke run only tries every stage"),
        ({"smoke": True, "promote": "if_better"}, "1", False, "a smoke run"),
        ({"limited": True}, None, True, "there was no champion"),
        ({"limited": True, "promote": "if_better"}, "1", False, "its training was limited"),
    ],
)
def test_the_rule(settings: dict[str, Any], champion: str | None, wins: bool, reason: str) -> None:
    verdict = Rule(measured=GOOD, **settings).judge(champion, beats)
    assert verdict.wins is wins
    assert reason in verdict.reason
    assert verdict.details["accuracy"] == 0.9


def test_a_version_that_cannot_be_compared_now_takes_no_place() -> None:
    rule = Rule(promote="if_better", measured=GOOD)
    verdict = rule.judge("1", None)
    assert not verdict.wins
    assert "parnet-zoo promote" in verdict.reason
    assert rule.judge(None, None).wins


def test_trials_move_no_alias_that_there_is() -> None:
    assert Rule().otherwise == "candidate"
    assert Rule(smoke=True).otherwise == "candidate_if_free"
    assert Rule(limited=True).otherwise == "candidate_if_free"


def test_the_rule_is_the_recipes() -> None:
    overrides = ["register.promote=if_better", "register.gate.minimum_accuracy=0.5",
                 "data.limit=400"]  # fmt: skip
    rule = Rule.of(load_recipe("quickstart", overrides).recipe, GOOD)
    assert rule.gate.minimum_accuracy == 0.5
    assert (rule.promote, rule.limited, rule.smoke) == ("if_better", True, False)
    assert Rule.model_validate_json(rule.model_dump_json()) == rule
