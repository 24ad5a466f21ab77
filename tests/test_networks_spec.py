"""Scaling specs: what fits, and what is derived from what."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channels": ()}, "parnet_s: channels: Tuple should have at least 1 item"),
        ({"channels": 5}, "parnet_s: channels: Input should be a valid tuple"),
        ({"channels": None}, "parnet_s: channels: Input should be a valid tuple"),
        ({"channels": 5, "branches": 2}, "parnet_s: channels: Input should be a valid tuple"),
        ({"channels": (8,) * 5}, "parnet_s: branches: Input should be less than or equal to 4"),
        ({"branches": 10**9}, "parnet_s: branches: Input should be less than or equal to 4"),
        ({"branches": "two"}, "parnet_s: branches: Input should be a valid integer"),
        ({"width": "wide"}, "width 'wide' does not fit"),
        ({"width": float("nan")}, "width nan does not fit"),
        ({"name": "My Net"}, "parnet_s: name: String should match pattern"),
        ({"name": ""}, "parnet_s: name: String should match pattern"),
        ({"name": "a" * 121}, "parnet_s: name: String should have at most 120 characters"),
        ({"widht": 2}, "parnet_s: widht: Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_scaled_is_a_spec_error_of_one_line(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.get("parnet_s").scaled(**changes)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"width": 1.25}, "parnet_s+w1.25"),
        ({"width": 1.25, "final_channels": 1000}, "parnet_s+w1.25+f1000"),
        ({"width": 2, "channels": (8, 16, 32)}, "parnet_s+w2+c8-16-32"),
        ({"branches": 2, "resolution": 64}, "parnet_s+b2+r64"),
        ({"channels": (96, 192), "resolution": 64}, "parnet_s+b2+r64"),
        ({"channels": (8, 32)}, "parnet_s+b2+c8-32"),
        ({"branches": 2, "depth": (1, 2)}, "parnet_s+b2+d1-2"),
        ({"depth": (4, 4, 4), "activation": "relu"}, "parnet_s+d4-4-4+relu"),
        ({"dropout": 0.2, "in_channels": 1, "stem": "small"}, "parnet_s+stem-small+drop0.2+in1"),
    ],
)
def test_a_derived_name_tells_what_changed(changes: dict[str, Any], name: str) -> None:
    assert registry.get("parnet_s").scaled(**changes).name == name


even = st.integers(1, 64).map(lambda half: 2 * half)
scalings = st.integers(1, 4).flatmap(
    lambda branches: st.fixed_dictionaries(
        {"branches": st.just(branches)},
        optional={
            "width": st.sampled_from([0.5, 1.25, 1.2500001, 2, 1 / 3]),
            "channels": st.tuples(*[st.sampled_from([8, 96, 192, 384]) | even] * branches),
            "final_channels": st.sampled_from([1000, 1280, 1600]),
            "depth": st.tuples(*[st.integers(3, 6)] * branches),
            "stem": st.sampled_from(["imagenet", "small"]),
            "activation": st.sampled_from(["silu", "relu"]),
            "dropout": st.sampled_from([0.0, 0.1, 0.1000001]),
            "in_channels": st.sampled_from([1, 3]),
            "resolution": st.sampled_from([64, 192, 224, 256]),
        },
    )
)


@given(
    st.lists(scalings, min_size=2, max_size=12),
    st.sampled_from(["parnet_s", "p" * 90, "p" * 120]),
)
@settings(deadline=None)
def test_different_scalings_of_one_spec_have_different_names(
    changes: list[dict[str, Any]], base: str
) -> None:
    spec = registry.get("parnet_s").model_copy(update={"name": base})
    names: dict[str, ScalingSpec] = {}
    for change in changes:
        try:
            derived = spec.scaled(**change)
        except registry.SpecError:  # a resolution that does not fit
            continue
        assert isinstance(derived, ParNetSpec)
        assert len(derived.name) <= 120
        assert names.setdefault(derived.name, derived.scaling) == derived.scaling


def test_a_resolution_that_does_not_fit_has_a_nearest_one_that_does() -> None:
    spec = registry.get("parnet_s")
    assert spec.fits(192)
    assert not spec.fits(200)
    assert [spec.nearest_resolution(size) for size in (1, 200, 215)] == [32, 192, 224]
    with pytest.raises(registry.SpecError, match="multiples of 32, not 200; the nearest is 192"):
        spec.cost(resolution=200)
