"""Scaling specs: what fits, and what is derived from what."""

from typing import Any

import pytest
from pydantic import ValidationError

import registry
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec

S = {"channels": (96, 192, 384), "final_channels": 1280}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"branches": 2}, "channels.*3 given for 2 branches"),
        ({"branches": 5}, "branches"),
        ({"channels": (96, 193, 384)}, "193 channels do not fit.*even"),
        ({"depth": (4, 5)}, "depth.*2 given for 3 branches"),
        ({"depth": (4, 0, 5)}, "0 blocks do not fit; a stream has 1 to 64"),
        ({"stem": "huge"}, "'imagenet' or 'small'"),
        ({"activation": "gelu"}, "'silu' or 'relu'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"resolution": 100}, "100 pixels do not fit.*multiples of 32.* 96 and 128"),
        ({"width": 2}, "width"),
    ],
)
def test_a_spec_that_cannot_be_built_says_what_fits(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){message}"):
        ScalingSpec.model_validate({**S, **changes})


@pytest.mark.parametrize(
    ("branches", "stem", "stride", "depth"),
    [
        (1, "imagenet", 8, 8),
        (2, "imagenet", 16, 11),
        (3, "imagenet", 32, 12),
        (4, "imagenet", 64, 13),
        (3, "small", 8, 12),
    ],
)
def test_stride_and_depth_follow_from_the_branches(
    branches: int, stem: str, stride: int, depth: int
) -> None:
    spec = registry.get("parnet_s").scaled(branches=branches, stem=stem, resolution=256)
    assert (spec.stride, spec.depth) == (stride, depth)


def test_scaling_the_width_rounds_to_multiples_of_eight_and_names_the_result() -> None:
    spec = registry.get("parnet_xl").scaled(width=1.25, branches=4, resolution=320)
    assert spec.widths == (248, 496, 992, 1984, 4000)
    assert spec.name == "parnet_xl+w1.25+b4+r320"
    assert spec.source == "derived from parnet_xl"


def test_derived_branches_double_their_widths_and_take_the_published_depths() -> None:
    spec = registry.get("parnet_s").scaled(branches=4, resolution=256)
    assert isinstance(spec, ParNetSpec)
    scaling = spec.scaling
    assert scaling.channels == (96, 192, 384, 768)
    assert scaling.depth == (4, 5, 5, 5)
    assert scaling.final_channels == 1280


def test_nothing_changed_is_the_same_spec() -> None:
    spec = registry.get("parnet_m")
    assert spec.scaled() is spec
    assert spec.scaled(resolution=224) is spec


def test_an_impossible_scaling_is_refused_in_one_sentence() -> None:
    with pytest.raises(registry.SpecError, match=r"parnet_s: resolution: 100 pixels do not fit"):
        registry.get("parnet_s").scaled(resolution=100)
    with pytest.raises(registry.SpecError, match="width -1 does not fit"):
        registry.get("parnet_s").scaled(width=-1)


def test_a_resolution_that_does_not_fit_has_a_nearest_one_that_does() -> None:
    spec = registry.get("parnet_s")
    assert spec.fits(192)
    assert not spec.fits(200)
    assert [spec.nearest_resolution(size) for size in (1, 200, 215)] == [32, 192, 224]
    with pytest.raises(registry.SpecError, match="multiples of 32, not 200; the nearest is 192"):
        spec.cost(resolution=200)
